//! [`Lines`]: accepts connections, counts them, and can end one in ways that HTTP does not know.

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Connections as they come in.
pub(crate) struct Lines {
    pub(crate) listener: TcpListener,
    pub(crate) accepted: Arc<AtomicUsize>,
}

/// One connection.
pub(crate) struct Line {
    stream: TcpStream,
    switch: Switch,
}

/// Ends a connection without another byte.
#[derive(Clone, Default)]
pub(crate) struct Switch(Arc<AtomicU8>);

const HUNG_UP: u8 = 1;
const RESET: u8 = 2;

impl Switch {
    /// Nothing more is written; the client sees the connection end.
    pub(crate) fn hang_up(&self) {
        self.0.store(HUNG_UP, Ordering::Release);
    }

    /// Nothing more is written; the client sees the connection reset.
    pub(crate) fn reset(&self) {
        self.0.store(RESET, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "hung up on purpose"))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.switch.0.load(Ordering::Acquire) == RESET {
            // A socket that is closed with a linger time of zero sends RST. If that fails, the connection just ends.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl Listener for Lines {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        self.accepted.fetch_add(1, Ordering::Relaxed);
        // Without it small chunks wait for the client's acknowledgement. Its failure costs only time.
        let _ = stream.set_nodelay(true);
        (Line { stream, switch: Switch::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Lines>> for Switch {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().switch.clone()
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
