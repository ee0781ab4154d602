//! [`ClosedPort`]: an address that refuses connections.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};
use tokio::net::TcpSocket;

/// A port on `127.0.0.1` where nobody listens: whoever connects is refused at once. Nobody else gets the port while
/// this value lives, so that a test cannot reach a server of another test.
#[derive(Debug)]
pub struct ClosedPort {
    address: SocketAddr,
    /// Bound, and never listened on.
    _socket: TcpSocket,
}

impl ClosedPort {
    /// Takes a port.
    ///
    /// # Errors
    /// The operating system gives none.
    pub fn take() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self { address: socket.local_addr()?, _socket: socket })
    }

    /// The base url that a model server there would have, for example `http://127.0.0.1:4711/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where nobody is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
