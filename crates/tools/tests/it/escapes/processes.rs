//! Reaching other processes, the ones that hold the command among them, and outliving the call.

use super::row::{Need, Row, line};

const UNSEEN: &str = "processes outside have no number inside";
/// What is said of processes that were left.
const LEFT: &[&str] = &["left", "still running", "were stopped", "was stopped", "stopped after"];
const SUPERVISOR: &str = "its parent is this test";

/// A line that ends well and leaves something behind.
const fn left(name: &'static str, script: &'static str) -> Row {
    line(name, script, "the kernel ends the whole process namespace with the command").told(LEFT)
}

pub(super) const ROWS: &[Row] = &[
    line("ptrace", "{probe} ptrace {victim}", "the call is refused, and the process has no number inside"),
    line("read memory", "{probe} vm-read {victim} {place}", "the call is refused"),
    line("write memory", "{probe} vm-write {victim} {place}", "the call is refused"),
    line("write /proc/PID/mem", "{probe} mem-write {victim} {place}", UNSEEN),
    line("take a descriptor", "{probe} pidfd-getfd {victim} 1", "the call is refused"),
    line("signal", "kill -9 {victim}", UNSEEN).told(NO_PROCESS),
    line("signal to the group", "kill -9 -{victim}", UNSEEN).told(NO_PROCESS),
    line("stop", "kill -STOP {victim}", UNSEEN).told(NO_PROCESS),
    line("signal by pidfd", "{probe} pidfd-signal {victim}", UNSEEN),
    line("signal by sigqueue", "{probe} sigqueue {victim}", UNSEEN),
    line("limits of a process outside", "{probe} prlimit {victim}", UNSEEN),
    line("priority of a process outside", "{probe} renice {victim}", UNSEEN),
    line("processors of a process outside", "{probe} affinity {victim}", UNSEEN)
        .arranged(|_| {})
        .control_needs(&[Need::Path("/sys/devices/system/cpu/cpu1")]),
    line("kill order of a process outside", "echo 900 > /proc/{victim}/oom_score_adj", UNSEEN),
    line(
        "shared memory (System V)",
        "{probe} shm-write {segment}",
        "the command has an IPC namespace of its own",
    )
    .told(&["held:"]),
    line(
        "message queue (System V)",
        "{probe} msg-send {queue}",
        "the command has an IPC namespace of its own",
    )
    .told(&["held:"]),
    line(
        "signal to everybody",
        "if [ $(ls -d /proc/[0-9]* | wc -l) -gt 20 ]; then echo GOT OUT: others are seen; else \
         kill -9 -1; fi; echo held: nobody else",
        "everybody is the command's own processes",
    )
    .untried("it would end everybody's processes")
    .told(&["held:", "SIGKILL", "stopped"]),
    line(
        "kill the supervisor",
        "[ $(ls -d /proc/[0-9]* | wc -l) -gt 20 ] && echo GOT OUT: others are seen && exit 1
         (sleep 9{token} &) ; kill -9 $PPID; kill -9 1; sleep 0.2; echo changed > \
         {out}/file",
        "the supervisor is outside; the first process inside takes no signals from there, or \
         takes all with it",
    )
    .untried(SUPERVISOR)
    .told(&["ermission denied", "ead-only", "ot permitted", "SIGKILL", "stopped"]),
    line(
        "stop the supervisor",
        "[ $(ls -d /proc/[0-9]* | wc -l) -gt 20 ] && echo GOT OUT: others are seen && exit 1
         (sleep 9{token} &) ; kill -STOP $PPID; kill -STOP 1; sleep 9{token}",
        "the time limit is held from outside",
    )
    .untried(SUPERVISOR)
    .limit_ms(700)
    .told(LEFT),
    line(
        "deaf to being asked to end",
        "trap '' TERM INT HUP; sleep 9{token} & while :; do sleep 9{token}; done",
        "what does not end when asked is killed",
    )
    .untried("the time limit holds there too")
    .limit_ms(500)
    .told(LEFT),
    left("background process", "sleep 9{token} & echo started"),
    left("setsid", "setsid sleep 9{token} & sleep 0.1; echo started"),
    left("double fork", "( (sleep 9{token} &) & ) ; sleep 0.1; echo started"),
    left("nohup", "nohup sleep 9{token} > log 2>&1 & sleep 0.1; echo started"),
    left("no environment", "env -i setsid sleep 9{token} & sleep 0.1; echo started"),
    left(
        "a proper daemon",
        "{python} -c 'import os,time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir(\"/\"); os.closerange(0, 64); time.sleep(9000)
    os._exit(0)' {token}; sleep 0.2; echo started",
    )
    .needs(&[Need::Program("python3")]),
    left(
        "exec'd away from its name",
        "(exec -a {token}-kworker setsid sleep 900 &) ; sleep 0.1; echo started",
    ),
    left("stopped where it cannot be asked", "sleep 9{token} & kill -STOP $!; echo started"),
    line(
        "at, cron and systemd-run",
        "echo touch {out}/new | at now; (echo '* * * * * touch {out}/new') | crontab -; \
         systemd-run --user touch {out}/new; false",
        "no socket of a service manager can be opened, and their folders are read-only",
    )
    .untried("it would leave a job with the machine")
    .told(&["not found", "ailed", "ermission denied", "ot permitted"]),
    line(
        "folders of service managers",
        "for folder in /var/spool/cron/crontabs /var/spool/cron /etc/cron.d /var/spool/at \
         /etc/systemd/system /run/systemd/system; do
            [ -d $folder ] && echo '#' > $folder/new-{token} && echo GOT OUT $folder \
         && rm $folder/new-{token}; done; ls /nowhere",
        "they are outside of the roots",
    )
    .untried("it would leave a job with the machine"),
];

const NO_PROCESS: &[&str] = &["No such process", "ot permitted"];
