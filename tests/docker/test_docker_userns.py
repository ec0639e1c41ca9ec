# SPDX-License-Identifier: MIT
"""An engine with --userns-remap: root of the container is root in a user namespace only, as with sysbox-runc too."""

import pwd

import pytest

import containers
import engine as engines
import images
import namespaces as ns
import sandbox
from containers import ALLOWED, DENIED, denials, main_job, refusal, status_of, works

REMAPPED = "daemon"
FIRST_ID, IDS = 100000, 65536


class RemappedEngine(engines.Engine):
    """It sees /etc/subuid and /etc/subgid of its own."""

    def _arguments(self):
        self.directory.chmod(0o711)  # the containers' root is nobody here
        return [*super()._arguments(), f"--userns-remap={REMAPPED}"]

    def _setup(self):
        super()._setup()
        for name in "subuid", "subgid":
            (self.directory / name).write_text(f"{REMAPPED}:{FIRST_ID}:{IDS}\n")
            ns.mount(self.directory / name, f"/etc/{name}", None, ns.MS_BIND)


@pytest.fixture(scope="module")
def own_net(net):
    with sandbox.Internet() as internet, containers.serve_names(internet):
        yield internet


@pytest.fixture(scope="module")
def jails(own_net, flags):
    try:
        pwd.getpwnam(REMAPPED)
    except KeyError:
        pytest.skip(f"there is no user {REMAPPED}")
    with RemappedEngine(own_net.machine(engines.MACHINE_V4, engines.MACHINE_V6), containers.RESOLVER) as docker:
        yield containers.Jails(docker, images.build_agent_image(docker), flags)


@pytest.mark.parametrize("user", ["0", "1000"])
def test_main_job(own_net, jails, user):
    """All ids that the container has are mapped into the jail as they are."""
    status = works(own_net, jails.run(main_job(own_net, "--user", user)))
    assert status["uid_map"].split() == status["gid_map"].split() == ["0", "0", str(IDS)]
    assert status["Uid"] == [int(user)] * 4


def test_names(jails):
    rule = ["--allow", f"domain={ALLOWED}"]
    result = jails.run([*rule, "/agent", ALLOWED])
    assert (result.code, result.out, result.err) == (0, f"allowed {engines.MACHINE_V4}\n", "")
    result = jails.run([*rule, "/agent", DENIED])
    assert result.out.startswith("HTTP/1.1 403 ") and denials(result, proto="http", name=DENIED)


def test_pid_1_is_nobody_on_the_machine(jails):
    with jails.start(["--", "/probe", "signals", "9"], "--read-only") as container:
        container.expect("ready")
        init = status_of(container.pid())
        assert container.stop() < 1
        assert (container.code(), container.logs().out) == (9, "ready\n15 TERM\n")
    assert init["Uid"].split() == [str(FIRST_ID)] * 4 and init["CapEff"] == init["CapBnd"] == f"{1 << 12:016x}"


def test_user_that_is_not_mapped(own_net, jails):
    said = refusal(jails.run(main_job(own_net, "--jail=veth", "--user", "70000")))
    assert said.startswith("plan: id map: uid 70000 ") and "cannot be mapped" in said


def test_best_jail_with_the_default_profile(own_net, jails):
    """NET_ADMIN of a user namespace is enough for its own network."""
    works(own_net, jails.having(flags=["--cap-add", "NET_ADMIN"]).run(main_job(own_net)), "container")
    assert "CAP_NET_ADMIN is missing" in refusal(jails.having(flags=[]).run(main_job(own_net)))


def test_no_capability_is_needed_where_clone_passes(own_net, jails, profile):
    works(own_net, jails.having(flags=["--security-opt", f"seccomp={profile}"]).run(main_job(own_net)), "loopback")
