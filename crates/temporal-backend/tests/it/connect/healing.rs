//! A connection that was up, while its server goes and comes back.

use std::time::{Duration, Instant};
use temporal_backend::{ConnectOptions, connect, dev_server::TestServer, namespace_facts};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_works_again_when_its_server_is_back_and_says_so_at_once_while_it_is_away() {
    let mut server = TestServer::start().await.unwrap();
    let client = connect(&ConnectOptions::at(server.address()), None).await.unwrap();
    namespace_facts(&client).await.unwrap();
    for _ in 0..2 {
        server.kill().await.unwrap();
        let began = Instant::now();
        let error = namespace_facts(&client).await.unwrap_err();
        assert!(error.retry() && began.elapsed() < Duration::from_secs(2), "{error} {:?}", began.elapsed());
        server.restart().await.unwrap();
        let began = Instant::now();
        let back = async {
            while namespace_facts(&client).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), back).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}
