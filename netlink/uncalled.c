/* SPDX-License-Identifier: MIT */
/*
 * In the binary, what libmnl's printing and batching functions would call stands for this function
 * (UNCALLED in build/flags.mk). We call none of those functions; if ever we do, it shows here.
 */
void nl_never_called(void);

__attribute__((used)) void nl_never_called(void)
{
	__builtin_trap();
}
