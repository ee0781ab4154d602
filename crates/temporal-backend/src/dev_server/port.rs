//! Which port of the loopback a server listens on.

use super::DevServerError;
use sha2::{Digest, Sha256};
use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

/// Where ports are chosen from. Below the range that systems give to outgoing connections (32768 up, 49152 up on macOS):
/// there a client that keeps calling a server which is away could be given the very port, and connect to itself.
const FIRST: u16 = 20_000;
/// How many there are to choose from.
const COUNT: u16 = 10_000;
/// How many are tried.
const TRIED: u16 = 200;
/// How long a certain port is waited for.
const DYING: Duration = Duration::from_millis(300);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// Which port is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Port {
    /// Any that is free; the same one for the same database, if it can be had.
    #[default]
    Any,
    /// This one if it is free, else another.
    Prefer(u16),
    /// This one or none.
    Exactly(u16),
}

/// Chooses a free one, and none of those that are given away. It is free now; whoever is to listen on it may still be too
/// late.
pub(super) async fn choose(wanted: Port, database: &Path, given: &[u16]) -> Result<u16, DevServerError> {
    match wanted {
        Port::Exactly(port) if becomes_free(port).await => Ok(port),
        Port::Exactly(port) => Err(DevServerError::PortTaken { port }),
        Port::Prefer(port) if !given.contains(&port) && becomes_free(port).await => Ok(port),
        Port::Any | Port::Prefer(_) => {
            let own = own_offset(database);
            let ports = (0..TRIED).map(|step| FIRST + (own + step) % COUNT);
            ports
                .filter(|port| !given.contains(port))
                .find(|port| is_free(*port))
                .ok_or(DevServerError::NoPort { first: FIRST + own, tried: TRIED })
        }
    }
}

/// A server that just died has given back its lock before its port.
async fn becomes_free(port: u16) -> bool {
    let begun = Instant::now();
    while !is_free(port) {
        if begun.elapsed() > DYING {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

pub(super) fn is_free(port: u16) -> bool {
    port != 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A place of its own for each database, so that a home has the same port every time.
fn own_offset(database: &Path) -> u16 {
    let digest = Sha256::digest(database.as_os_str().as_encoded_bytes());
    let number = digest.first_chunk().map_or(0, |start| u32::from_be_bytes(*start));
    u16::try_from(number % u32::from(COUNT)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_has_its_own_port_and_the_next_where_that_is_taken() {
        let database = Path::new("/somewhere/server.db");
        let port = choose(Port::Any, database, &[]).await.unwrap();
        assert!((FIRST..FIRST + COUNT).contains(&port));
        assert_eq!(choose(Port::Any, database, &[]).await.unwrap(), port);
        assert_ne!(own_offset(Path::new("/elsewhere/server.db")), own_offset(database));
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(choose(Port::Any, database, &[]).await.unwrap(), port);
        assert_ne!(choose(Port::Prefer(port), database, &[]).await.unwrap(), port);
        let error = choose(Port::Exactly(port), database, &[]).await.unwrap_err();
        assert!(error.to_string().contains(&format!("port {port} of 127.0.0.1 is taken")), "{error}");
    }

    #[tokio::test]
    async fn a_port_that_others_need_is_left_to_them() {
        let database = Path::new("/somewhere/else.db");
        let port = choose(Port::Any, database, &[]).await.unwrap();
        assert_ne!(choose(Port::Any, database, &[port]).await.unwrap(), port);
        assert_ne!(choose(Port::Prefer(port), database, &[port]).await.unwrap(), port);
    }
}
