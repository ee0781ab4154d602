//! Why a worker cannot work.

use std::net::SocketAddr;

/// A worker could not start, or not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// It could not be made.
    #[error("the worker cannot start: {message}")]
    Refused {
        /// Why.
        message: String,
    },
    /// Its metrics cannot be served.
    #[error("metrics cannot be served on {address}: {message}; choose another address")]
    Metrics {
        /// Where.
        address: SocketAddr,
        /// Why.
        message: String,
    },
    /// Its version is not the current one of its deployment, so no task would come to it.
    #[error(
        "version {build} of deployment {deployment} cannot be made the current one: {message}; leave out --deployment, or \
         look at the deployment with `temporal worker deployment describe --name {deployment}`"
    )]
    NotPromoted {
        /// The deployment.
        deployment: String,
        /// The build.
        build: String,
        /// Why.
        message: String,
    },
    /// It stopped by itself.
    #[error("the worker has stopped: {message}; its threads wait for another one")]
    Stopped {
        /// Why.
        message: String,
    },
}
