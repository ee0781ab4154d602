//! One server for several processes.

use super::{Home, SOON, connect, run_of, signal, start_workflow, until};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use temporal_backend::dev_server::{
    CliSearch, DevServerError, Health, Left, Port, Progress, Reporter, ServerHome, ServerWish, Stay,
    Stopping, stop_server, use_server,
};

const HOME: &str = "EVERTURN_TEST_HOME";

/// Uses the server of a home until its standard input closes. Run by other tests as a process of its own.
#[tokio::test]
#[ignore = "a role that other tests play in a process of its own"]
async fn role_user() {
    let home = std::env::var(HOME).expect("only another test starts this role");
    let home = ServerHome::new(Path::new(&home), CliSearch::for_tests(), Reporter::default());
    let lease = use_server(&home, ServerWish::default()).await.unwrap();
    println!("using {}", lease.occupant().pid);
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await.unwrap();
    println!("left {:?}", lease.close().await.unwrap());
}

/// A process that uses the server, in a group of its own, as a terminal would start it.
struct User {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl User {
    fn start(home: &Home) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "dev_server::shared::role_user", "--nocapture"]);
        command.env(HOME, home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The server's process, once it is used.
    fn server(&mut self) -> u32 {
        self.says("using ").parse().unwrap()
    }

    fn leave(mut self) -> String {
        drop(self.child.stdin.take());
        let left = self.says("left ");
        assert!(self.child.wait().unwrap().success());
        left
    }

    fn end(mut self, signal: Signal) {
        kill_process_group(Pid::from_raw(self.child.id().cast_signed()).unwrap(), signal).unwrap();
        assert!(!self.child.wait().unwrap().success());
    }

    fn says(&mut self, start: &str) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        lines.find_map(|line| line.strip_prefix(start).map(str::to_owned)).expect("it says so")
    }
}

#[tokio::test]
async fn the_first_user_starts_the_server_and_the_last_stops_it() {
    let home = Home::new();
    let lease = home.join().await;
    assert_eq!(home.told(), [Progress::Starting]);
    let address = lease.address();
    let mut other = User::start(&home);
    assert_eq!(Some(other.server()), home.pid());
    assert_eq!(lease.close().await.unwrap(), Left::InUse);
    drop(connect(&address).await);
    assert_eq!(other.leave(), "Stopped");
    assert_eq!(home.pid(), None);
    assert!(std::net::TcpStream::connect(&address).is_err());
}

#[tokio::test]
async fn the_next_server_of_a_home_has_the_port_and_the_data_of_the_last() {
    let home = Home::new();
    let lease = home.join().await;
    let (address, pid) = (lease.address(), lease.occupant().pid);
    let run = start_workflow(&address, "w").await;
    assert_eq!(lease.close().await.unwrap(), Left::Stopped);
    let lease = home.join().await;
    assert_eq!((lease.address(), run_of(&address, "w").await), (address, run));
    assert_ne!(lease.occupant().pid, pid);
    assert_eq!(lease.close().await.unwrap(), Left::Stopped);
}

#[tokio::test]
async fn a_dropped_lease_stops_the_server_and_whoever_comes_at_once_gets_a_new_one() {
    let home = Home::new();
    let lease = home.join().await;
    let old = lease.occupant().pid;
    drop(lease);
    let lease = home.join().await;
    assert_ne!(lease.occupant().pid, old);
    assert_eq!(lease.ensure_running().await.unwrap(), Health::Fine);
    drop(lease);
    until(|| home.pid().is_none()).await;
}

#[tokio::test]
async fn users_that_come_at_once_share_one_server() {
    let home = Home::new();
    let mut users = [(); 4].map(|()| User::start(&home));
    let servers: Vec<u32> = users.iter_mut().map(User::server).collect();
    assert_eq!(servers, vec![home.pid().unwrap(); 4]);
    let left: Vec<String> = users.into_iter().map(User::leave).collect();
    assert_eq!(left, ["InUse", "InUse", "InUse", "Stopped"]);
    assert_eq!(home.pid(), None);
}

#[tokio::test]
async fn a_server_whose_users_were_killed_is_taken_over_by_the_next() {
    let home = Home::new();
    let mut first = User::start(&home);
    let server = first.server();
    first.end(Signal::KILL);
    assert_eq!(home.pid(), Some(server));
    let lease = home.join().await;
    assert_eq!((lease.occupant().pid, home.told()), (server, Vec::new()));
    assert_eq!(lease.close().await.unwrap(), Left::Stopped);
}

#[tokio::test]
async fn a_server_whose_starter_was_killed_before_it_answered_is_taken_over_too() {
    let home = Home::new();
    let first = User::start(&home);
    until(|| home.pid().is_some()).await;
    let server = home.pid();
    first.end(Signal::KILL);
    assert!(
        !home.path().join("temporal/server.json").exists(),
        "nobody had the time to write what is remembered"
    );
    let lease = home.join().await;
    assert_eq!((Some(lease.occupant().pid), home.told()), (server, Vec::new()));
    assert_eq!(lease.close().await.unwrap(), Left::Stopped);
}

#[tokio::test]
async fn a_server_outlives_the_interrupt_that_its_starter_got_at_the_terminal() {
    let home = Home::new();
    let mut first = User::start(&home);
    let (server, lease) = (first.server(), home.join().await);
    first.end(Signal::INT);
    assert_eq!(lease.ensure_running().await.unwrap(), Health::Fine);
    assert_eq!((home.pid(), lease.close().await.unwrap()), (Some(server), Left::Stopped));
}

#[tokio::test]
async fn a_server_that_died_is_started_again_once_however_many_miss_it() {
    let home = Home::new();
    let leases = [home.join().await, home.join().await, home.join().await];
    let (address, old) = (leases[0].address(), leases[0].occupant().pid);
    let run = start_workflow(&address, "w").await;
    signal(old, Signal::KILL);
    until(|| home.pid().is_none()).await;
    let healed = futures::future::join_all(leases.iter().map(|lease| lease.ensure_running())).await;
    assert!(healed.iter().all(|health| matches!(health, Ok(Health::Replaced))), "{healed:?}");
    for lease in &leases {
        assert_eq!((Some(lease.occupant().pid), lease.address()), (home.pid(), address.clone()));
    }
    assert_eq!(home.told(), [Progress::Starting, Progress::Restarting]);
    assert_eq!(run_of(&address, "w").await, run);
    assert_eq!(leases[0].ensure_running().await.unwrap(), Health::Fine);
}

#[tokio::test]
async fn a_port_taken_while_the_server_was_dead_costs_the_old_address_only() {
    let home = Home::new();
    let lease = home.join().await;
    let old = lease.occupant();
    signal(old.pid, Signal::KILL);
    until(|| home.pid().is_none()).await;
    let _taken = std::net::TcpListener::bind(("127.0.0.1", old.port)).unwrap();
    assert_eq!(lease.ensure_running().await.unwrap(), Health::Replaced);
    assert_ne!(lease.occupant().port, old.port);
    drop(connect(&lease.address()).await);
    assert_eq!(lease.close().await.unwrap(), Left::Stopped);
}

#[tokio::test]
async fn a_server_that_is_to_stay_stays_until_it_is_stopped() {
    let home = Home::new();
    let stay = ServerWish { stay: Stay::AfterUsers, ..ServerWish::default() };
    let lease = use_server(&home.server, stay).await.unwrap();
    let pid = lease.occupant().pid;
    assert_eq!(lease.close().await.unwrap(), Left::Stays);
    // A user who does not wish it to stay changes nothing.
    let other = home.join().await;
    let refused = stop_server(&home.server).await.unwrap_err();
    assert!(matches!(refused, DevServerError::InUse { pid: found } if found == pid), "{refused}");
    assert_eq!(other.close().await.unwrap(), Left::Stays);
    assert_eq!(home.server.status().unwrap().map(|status| status.stay), Some(Stay::AfterUsers));
    assert!(
        matches!(stop_server(&home.server).await.unwrap(), Stopping::Stopped(server) if server.pid == pid)
    );
    assert_eq!(stop_server(&home.server).await.unwrap(), Stopping::NoneRan);
    // The wish went with the server it was about.
    assert_eq!(home.join().await.close().await.unwrap(), Left::Stopped);
}

#[tokio::test]
async fn a_wish_to_stay_counts_also_for_a_server_that_runs_and_outlives_its_death() {
    let home = Home::new();
    let first = home.join().await;
    let stay = ServerWish { stay: Stay::AfterUsers, ..ServerWish::default() };
    drop(use_server(&home.server, stay).await.unwrap());
    signal(first.occupant().pid, Signal::KILL);
    until(|| home.pid().is_none()).await;
    assert_eq!(first.ensure_running().await.unwrap(), Health::Replaced);
    assert_eq!(first.close().await.unwrap(), Left::Stays);
    assert!(matches!(stop_server(&home.server).await.unwrap(), Stopping::Stopped(_)));
}

#[tokio::test]
async fn a_server_that_runs_on_another_port_than_the_one_demanded_is_told() {
    let home = Home::new();
    let lease = home.join().await;
    let wish = ServerWish { port: Port::Exactly(1), ..ServerWish::default() };
    let error = use_server(&home.server, wish).await.unwrap_err();
    let expected = format!(
        "the Temporal server of this home runs at {}, not on port 1; use it there, or stop it first with: everturn \
         dev-server --stop",
        lease.address()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(lease.close().await.unwrap(), Left::Stopped);
}

#[tokio::test]
async fn what_is_remembered_may_be_lost_while_the_server_runs() {
    let home = Home::new();
    let mut first = User::start(&home);
    let server = first.server();
    first.end(Signal::KILL);
    std::fs::write(home.path().join("temporal/server.json"), "no JSON").unwrap();
    let lease = home.join().await;
    assert_eq!(lease.occupant().pid, server);
    assert_eq!(lease.close().await.unwrap(), Left::Stopped);
}

#[tokio::test]
async fn a_server_that_is_frozen_for_a_moment_is_waited_for_and_not_replaced() {
    let home = Home::new();
    let lease = home.join().await;
    let server = lease.occupant();
    signal(server.pid, Signal::STOP);
    let thaw = async {
        // Longer than one call is waited for.
        tokio::time::sleep(Duration::from_secs(6)).await;
        signal(server.pid, Signal::CONT);
    };
    let both = futures::future::join(lease.ensure_running(), thaw);
    let (health, ()) = tokio::time::timeout(SOON, both).await.unwrap();
    assert_eq!((health.unwrap(), lease.occupant()), (Health::Fine, server));
    assert_eq!(lease.close().await.unwrap(), Left::Stopped);
}
