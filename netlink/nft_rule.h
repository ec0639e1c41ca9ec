/* SPDX-License-Identifier: MIT */
/* A rule as netlink attributes; between nft.c, which sends and reads them, and nft_rule.c. */
#ifndef NETLINK_NFT_RULE_H
#define NETLINK_NFT_RULE_H

#include "netlink/nft.h"

/* Puts NFTA_RULE_EXPRESSIONS; at most NL_MESSAGE_MAX - 128 bytes. */
void nft_rule_put(struct nlmsghdr *m, const struct nft_rule *r);

#endif
