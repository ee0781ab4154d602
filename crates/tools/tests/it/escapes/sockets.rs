//! Talking to anybody outside.

use super::row::{Need, Row, Under, line};

const NO_NETWORK: &str = "the command has a network of its own with nobody in it";
const FAMILY: &str = "sockets of this family are refused";

const fn held(name: &'static str, script: &'static str, holds: &'static str) -> Row {
    line(name, script, holds).told(&["held:", "refused", "nreachable", "ot permitted", "ermission denied"])
}

pub(super) const ROWS: &[Row] = &[
    held("TCP", "{probe} tcp {tcp}", NO_NETWORK),
    held("TCP over IPv6", "{probe} tcp {tcp6}", NO_NETWORK).needs(&[Need::V6]),
    held("TCP by the shell", "echo from inside > /dev/tcp/127.0.0.1/{port}", NO_NETWORK)
        .needs(&[Need::Program("bash")]),
    held("TCP fast open", "{probe} fast-open {tcp}", NO_NETWORK),
    held("UDP", "{probe} udp {udp}", NO_NETWORK),
    held("DNS, with what was read in the name", "{probe} dns {udp}", NO_NETWORK),
    held(
        "DNS by the system",
        "getent hosts everturn.example && echo GOT OUT || echo held: no answer",
        NO_NETWORK,
    )
    .untried("it would ask somebody else's server"),
    held("ping", "ping -c 1 -W 1 127.0.0.1 && echo GOT OUT", "no raw socket, and nobody there")
        .needs(&[Need::Program("ping")]),
    held("raw socket", "{probe} socket 2 3 1", FAMILY).control_needs(&[Need::Root]),
    held("raw IPv6 socket", "{probe} socket 10 3 58", FAMILY).control_needs(&[Need::Root, Need::V6]),
    held("packet socket", "{probe} socket 17 3 3", FAMILY).control_needs(&[Need::Root]),
    held("netlink socket", "{probe} socket 16 3 0", FAMILY),
    held("netlink socket for kernel events", "{probe} socket 16 2 15", FAMILY),
    held("crypto socket", "{probe} socket 38 5 0", FAMILY).untried("the kernel may lack it"),
    held("machine socket (vsock)", "{probe} socket 40 1 0", FAMILY)
        .untried("it would touch the machine's own"),
    held("XDP socket", "{probe} socket 44 3 0", FAMILY).untried("the kernel may lack it"),
    held("socket of a daemon", "{probe} unix {out}/daemon.sock", FAMILY),
    held("socket of a daemon, by symlink", "ln -s {out}/daemon.sock s && {probe} unix {ws}/s", FAMILY),
    held(
        "socket of a daemon, by hard link",
        "ln {out}/daemon.sock s; {probe} unix {ws}/s",
        "it gets no name inside, and sockets of this family are refused",
    ),
    held(
        "socket of a daemon, by python",
        "{python} -c 'import socket; \
         socket.socket(socket.AF_UNIX).connect(\"{out}/daemon.sock\")'",
        FAMILY,
    )
    .needs(&[Need::Program("python3")]),
    held("key agent", "{probe} unix \"$SSH_AUTH_SOCK\"", FAMILY),
    held("abstract socket", "{probe} abstract stream-{token}", FAMILY),
    held("socket of the log", "{probe} unix-dgram {out}/log.sock", FAMILY),
    held(
        "one end of a datagram pair, to a socket outside",
        "{probe} pair-dgram {out}/log.sock",
        "pairs are of streams only, which go nowhere else",
    ),
    held(
        "one end of a datagram pair, to an abstract socket",
        "{probe} pair-abstract log-{token}",
        "pairs are of streams only, which go nowhere else",
    ),
    held(
        "an inherited connection",
        "{probe} fd-send {connection}",
        "descriptors of the host are closed before the command starts",
    ),
    held("network on: socket of a daemon", "{probe} unix {out}/daemon.sock", FAMILY).under(Under::Network),
    held("network on: abstract socket", "{probe} abstract stream-{token}", FAMILY).under(Under::Network),
    held("network on: datagram pair", "{probe} pair-dgram {out}/log.sock", FAMILY).under(Under::Network),
    held("network on: abstract datagram pair", "{probe} pair-abstract log-{token}", FAMILY)
        .under(Under::Network),
    held("network on: raw socket", "{probe} socket 2 3 1", FAMILY)
        .under(Under::Network)
        .control_needs(&[Need::Root]),
    held("network on: packet socket", "{probe} socket 17 3 3", FAMILY)
        .under(Under::Network)
        .control_needs(&[Need::Root]),
    held(
        "write on the user's terminal",
        "echo from inside > {terminal}",
        "the terminals of others are not in the sandbox",
    )
    .told(&["ermission denied", "No such", "ot permitted", "o such device", "nput/output"]),
    held(
        "type on the user's terminal (TIOCSTI)",
        "{probe} tiocsti {terminal}",
        "the terminals of others are not in the sandbox, and the request is refused",
    )
    .control_needs(&[Need::Root]),
    held(
        "the terminal of the call",
        "echo x > /dev/tty && echo GOT OUT",
        "the call is in a session without one",
    )
    .untried("it has none there either")
    .told(&["o such device", "ermission denied", "No such"]),
];
