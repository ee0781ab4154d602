//! Sockets of every kind.

use super::{Arguments, Tried, Way, checked};
use std::{
    io::{self, Write},
    net::{TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram, UnixStream},
    },
    time::Duration,
};

pub(super) const WAYS: &[Way] = &[
    ("socket", socket),
    ("tcp", tcp),
    ("udp", udp),
    ("fast-open", fast_open),
    ("dns", dns),
    ("unix", unix),
    ("abstract", abstract_name),
    ("unix-dgram", unix_dgram),
    ("pair-dgram", pair_dgram),
    ("pair-abstract", pair_abstract),
    ("fd-send", fd_send),
];

const SAID: &[u8] = b"from inside";
const WAIT: Duration = Duration::from_millis(500);

/// Makes a socket of a family, a type and a protocol.
fn socket(arguments: &Arguments) -> Tried {
    // SAFETY: numbers only.
    let made = unsafe { libc::socket(arguments.number(0)?, arguments.number(1)?, arguments.number(2)?) };
    checked(made.into())?;
    Ok(format!("a socket of family {}", arguments.text(0)?))
}

fn tcp(arguments: &Arguments) -> Tried {
    let address = arguments.text(0)?.parse().map_err(io::Error::other)?;
    TcpStream::connect_timeout(&address, WAIT)?.write_all(SAID)?;
    Ok("connected".to_owned())
}

fn udp(arguments: &Arguments) -> Tried {
    let any = if arguments.text(0)?.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any)?;
    socket.send_to(SAID, arguments.text(0)?)?;
    // A refusal comes with the next call.
    socket.connect(arguments.text(0)?)?;
    socket.send(SAID)?;
    std::thread::sleep(Duration::from_millis(20));
    socket.send(SAID)?;
    Ok("sent".to_owned())
}

/// Sends with the connection, without a call of `connect`.
fn fast_open(arguments: &Arguments) -> Tried {
    let address: std::net::SocketAddrV4 = arguments.text(0)?.parse().map_err(io::Error::other)?;
    // SAFETY: numbers only.
    let made = checked(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) }.into())?;
    let made = i32::try_from(made).map_err(io::Error::other)?;
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    };
    let length = libc::socklen_t::try_from(size_of_val(&to)).map_err(io::Error::other)?;
    // SAFETY: the buffer and the address are as long as said.
    let sent = unsafe {
        libc::sendto(
            made,
            SAID.as_ptr().cast(),
            SAID.len(),
            libc::MSG_FASTOPEN,
            (&raw const to).cast(),
            length,
        )
    };
    checked(sent as libc::c_long)?;
    Ok("sent".to_owned())
}

/// Asks for a name that carries what was read.
fn dns(arguments: &Arguments) -> Tried {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["stolen", "example", "com"] {
        query.push(u8::try_from(label.len()).map_err(io::Error::other)?);
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(WAIT))?;
    socket.connect(arguments.text(0)?)?;
    socket.send(&query)?;
    socket.recv(&mut [0; 512])?;
    Ok("the name server was asked".to_owned())
}

fn unix(arguments: &Arguments) -> Tried {
    UnixStream::connect(arguments.text(0)?)?.write_all(SAID)?;
    Ok("connected".to_owned())
}

fn abstract_name(arguments: &Arguments) -> Tried {
    let address = SocketAddr::from_abstract_name(arguments.text(0)?)?;
    UnixStream::connect_addr(&address)?.write_all(SAID)?;
    Ok("connected".to_owned())
}

fn unix_dgram(arguments: &Arguments) -> Tried {
    UnixDatagram::unbound()?.send_to(SAID, arguments.text(0)?)?;
    Ok("sent".to_owned())
}

/// A pair needs no `socket` call, and each end of it can send anywhere.
fn pair_dgram(arguments: &Arguments) -> Tried {
    let (one, _other) = UnixDatagram::pair()?;
    one.send_to(SAID, arguments.text(0)?)?;
    Ok("sent through one end of a pair".to_owned())
}

/// As [`pair_dgram`], to a name that is no path.
fn pair_abstract(arguments: &Arguments) -> Tried {
    let (one, _other) = UnixDatagram::pair()?;
    one.send_to_addr(SAID, &SocketAddr::from_abstract_name(arguments.text(0)?)?)?;
    Ok("sent through one end of a pair".to_owned())
}

/// Sends over a connection that was inherited.
fn fd_send(arguments: &Arguments) -> Tried {
    // SAFETY: the buffer is as long as said.
    let sent =
        unsafe { libc::send(arguments.number(0)?, SAID.as_ptr().cast(), SAID.len(), libc::MSG_NOSIGNAL) };
    checked(sent as libc::c_long)?;
    Ok("sent over an inherited connection".to_owned())
}
