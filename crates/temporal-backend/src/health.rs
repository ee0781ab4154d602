//! [`Health`]: a page that tells whoever runs a worker that it works.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use std::{io, net::SocketAddr, time::Duration};
use temporalio_client::Client;
use tokio::{net::TcpListener, task::AbortHandle};

/// The server is asked, and has so long to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers `GET /health` with 200 while the Temporal server answers, else with 503 and why.
#[derive(Debug)]
pub struct Health {
    address: SocketAddr,
    task: AbortHandle,
}

impl Health {
    /// Serves the page there; port 0 is any.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn serve(address: SocketAddr, client: Client) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let page = Router::new().route("/health", get(answer)).with_state(client);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, page).await {
                tracing::warn!(%error, "the health page is served no more");
            }
        });
        Ok(Self { address, task: task.abort_handle() })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(client): State<Client>) -> (StatusCode, String) {
    match tokio::time::timeout(PATIENCE, crate::server_facts(&client)).await {
        Ok(Ok(_)) => (StatusCode::OK, "ok\n".into()),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the server does not answer\n".into()),
    }
}
