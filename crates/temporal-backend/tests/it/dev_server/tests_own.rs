//! The servers of tests.

use super::{run_of, start_workflow, until};
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};
use temporal_backend::dev_server::TestServer;

#[tokio::test]
async fn a_test_server_is_killed_and_comes_back_with_its_data_on_its_port() {
    let mut server = TestServer::start().await.unwrap();
    let address = server.address().to_owned();
    let run = start_workflow(&address, "w").await;
    server.kill().await.unwrap();
    assert!(std::net::TcpStream::connect(&address).is_err());
    assert_eq!(server.pid(), None);
    server.restart().await.unwrap();
    assert_eq!((server.address(), run_of(&address, "w").await), (address.as_str(), run));
}

#[tokio::test]
async fn test_servers_are_apart_and_go_with_their_tests() {
    let one = TestServer::start().await.unwrap();
    let two = TestServer::start().await.unwrap();
    assert_ne!(one.address(), two.address());
    let addresses = [one.address().to_owned(), two.address().to_owned()];
    let folders = [&one, &two].map(|server| server.log().parent().unwrap().to_owned());
    drop((one, two));
    for (address, folder) in addresses.iter().zip(folders) {
        assert!(std::net::TcpStream::connect(address).is_err());
        assert!(!folder.exists(), "{:?}", std::fs::read_dir(&folder).unwrap().collect::<Vec<_>>());
    }
}

#[tokio::test]
#[ignore = "a role that another test plays in a process of its own"]
async fn role_test() {
    let server = TestServer::start().await.unwrap();
    println!("serving {} {}", server.address(), server.log().display());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_test_server_goes_with_a_test_that_is_killed() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "dev_server::tests_own::role_test", "--nocapture"]);
    let mut test = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(test.stdout.take().unwrap()).lines();
    let said = lines.find_map(|line| line.unwrap().strip_prefix("serving ").map(str::to_owned)).unwrap();
    let (address, log) = said.split_once(' ').unwrap();
    drop(super::connect(address).await);
    test.kill().unwrap();
    test.wait().unwrap();
    let folder = PathBuf::from(log).parent().unwrap().to_owned();
    until(|| std::net::TcpStream::connect(address).is_err() && !folder.exists()).await;
}
