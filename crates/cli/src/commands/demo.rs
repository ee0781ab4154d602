//! `everturn demo`: the real loop, tools, files and storage on a small broken project; only the model's words are scripted.

use crate::{
    args::{Approval, BackendName, DemoArgs, Layers, RunArgs, Sandbox, Whereabouts},
    exit::{Exit, Failure},
    follow::{Follower, Until, User, submission},
    host::{Host, Keeping},
    output,
    settings::Attendance,
    view::{HumanView, Style, View},
};
use agent_core::{AgentSession, Content, Event, EventKind, ItemDetail, ItemId, Live, Notice, Op, Source};
use config::{Environment, Home};
use std::{
    collections::BTreeSet,
    io::Write,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

const PROJECT: &[(&str, &str)] = &[
    ("README.md", include_str!("../demo/project/README.md")),
    ("stockroom.py", include_str!("../demo/project/stockroom.py")),
    ("test_stockroom.py", include_str!("../demo/project/test_stockroom.py")),
    ("check.sh", include_str!("../demo/project/check.sh")),
];
/// The folder of a data folder with what was fetched.
const CACHE: &str = "cache";
const FIX_SCRIPT: &str = include_str!("../demo/fix.toml");
const CRASH_SCRIPT: &str = include_str!("../demo/crash.toml");
const PROMPT: &str = "The tests of this project fail. Find out why and fix it.";
/// The victim dies so long after the command has started: the command is in the middle of its work by then.
const KILL_AFTER: Duration = Duration::from_millis(600);
/// The victim dies while this run of `./check.sh` is going on.
const KILL_IN_RUN: usize = 2;

/// Where a demonstration happens.
struct Stage {
    folder: PathBuf,
    backend: BackendName,
}

impl Stage {
    fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    fn script(&self) -> PathBuf {
        self.folder.join("model.toml")
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Copies the project and the script into the folder.
    fn set(&self, script: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(self.project())?;
        for (name, content) in PROJECT {
            std::fs::write(self.project().join(name), content)?;
        }
        std::fs::set_permissions(self.project().join("check.sh"), PermissionsExt::from_mode(0o755))?;
        std::fs::write(self.script(), script)
    }

    /// What was fetched once for the user's data folder is there for the demo's too.
    fn share_cache(&self, environment: &Environment) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Failed, format!("the demo's data folder cannot be made: {error}"))
        };
        let cache = Home::open(environment).map_err(|error| Failure::backend(&error))?.root().join(CACHE);
        std::fs::create_dir_all(&cache)
            .and_then(|()| std::fs::create_dir_all(self.home()))
            .map_err(failed)?;
        std::os::unix::fs::symlink(cache, self.home().join(CACHE)).map_err(failed)
    }

    async fn host(&self, environment: &Environment, run: RunArgs) -> Result<Host, Failure> {
        Host::open(&environment.with_home(&self.home()), run, Keeping::Home).await
    }

    fn run_args(&self) -> RunArgs {
        RunArgs {
            script: Some(self.script()),
            sandbox: Some(Sandbox::DangerFullAccess),
            approval: Some(Approval::Never),
            cd: Some(self.project()),
            ..self.whereabouts()
        }
    }

    /// Where the thread lives, for whoever goes on with it.
    fn whereabouts(&self) -> RunArgs {
        let whereabouts = Whereabouts { backend: Some(self.backend), ..Whereabouts::default() };
        RunArgs { layers: Layers { whereabouts, ..Layers::default() }, ..RunArgs::default() }
    }
}

pub(crate) async fn demo(environment: &Environment, args: DemoArgs) -> Result<Exit, Failure> {
    if let Some(folder) = args.victim {
        return victim(environment, &Stage { folder, backend: args.backend }).await;
    }
    let python =
        Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !python.is_ok_and(|status| status.success()) {
        return Err(Failure::new(
            Exit::Failed,
            "the demo runs a small Python project; install python3 and try again",
        ));
    }
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("the demo folder cannot be made: {error}"))
    };
    let folder = tempfile::Builder::new().prefix("everturn-demo-").tempdir().map_err(failed)?;
    let stage = Stage { folder: folder.path().to_owned(), backend: args.backend };
    stage.set(if args.crash { CRASH_SCRIPT } else { FIX_SCRIPT }).map_err(failed)?;
    stage.share_cache(environment)?;
    let style = output::style_of(&anstream::stdout());
    output::result(&style.dim(format!(
        "A copy of a small broken project is in {} (until the end; --keep keeps it).\nThe loop, the tools, the files and the storage are real; only the \
         model's words are scripted.\n",
        stage.project().display()
    )));
    let exit =
        if args.crash { crash(environment, &stage, style).await } else { play(environment, &stage).await };
    #[cfg(feature = "temporal")]
    crate::temporal_site::stopped(environment, &stage.home()).await;
    let exit = exit?;
    if args.keep {
        output::result(&style.dim(format!("kept: {}", folder.keep().display())));
    }
    Ok(exit)
}

/// The whole turn in this process.
async fn play(environment: &Environment, stage: &Stage) -> Result<Exit, Failure> {
    let host = stage.host(environment, stage.run_args()).await?;
    let exit = async {
        let session = host.start(host.settings(Attendance::Absent)?, Source::Cli).await?;
        begin(&*session).await?;
        let mut view = stage_view();
        Follower::new(&*session, &mut view, 0).follow(Until::TurnEnds, User::Absent).await
    };
    let exit = exit.await;
    host.close().await;
    exit
}

/// The turn in two processes: the first is killed while a command runs, this one goes on.
async fn crash(environment: &Environment, stage: &Stage, style: Style) -> Result<Exit, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Failed, format!("the demo cannot start itself: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let mut victim = Command::new(program);
    victim.args(["demo", "--backend", stage.backend.word(), "--victim"]).arg(&stage.folder);
    let status = victim.status().map_err(failed)?;
    if status.signal() != Some(9) {
        return Err(Failure::new(
            Exit::Failed,
            format!("the first process should have been killed, but: {status}"),
        ));
    }
    output::result(&format!("\n{}", style.red("── process killed with SIGKILL while the command ran ──")));
    let host = stage.host(environment, stage.whereabouts()).await?;
    let exit = go_on(&host, style).await;
    host.close().await;
    let exit = exit?;
    let log = std::fs::read_to_string(stage.project().join("runs.log")).unwrap_or_default();
    let count = |word| log.lines().filter(|line| *line == word).count();
    output::result(&style.dim(format!(
        "\ncheck.sh was started {} times and finished {} times: once before the fix, once until the kill, and once \
         because the agent chose to. Nothing ran a second time by itself.",
        count("started"),
        count("finished")
    )));
    Ok(exit)
}

/// The second half of the turn, in another process than the first.
async fn go_on(host: &Host, style: Style) -> Result<Exit, Failure> {
    let place = host.last().await?;
    output::result(&format!("{}\n", style.green(format!("── everturn resume {} ──", place.key().thread))));
    let before = place.summary().await?;
    let session = place.resume().await?;
    let mut view = stage_view();
    Follower::new(&*session, &mut view, before.last_event).follow(Until::TurnEnds, User::Absent).await
}

/// The process that dies.
async fn victim(environment: &Environment, stage: &Stage) -> Result<Exit, Failure> {
    let host = stage.host(environment, stage.run_args()).await?;
    let session = host.start(host.settings(Attendance::Absent)?, Source::Cli).await?;
    begin(&*session).await?;
    let mut view = Doomed { view: stage_view(), runs: BTreeSet::new() };
    Follower::new(&*session, &mut view, 0).follow(Until::TurnEnds, User::Absent).await
}

async fn begin(session: &dyn AgentSession) -> Result<(), Failure> {
    let op = Op::UserInput { items: vec![Content::text(PROMPT)] };
    session.submit(submission(session, op)).await?;
    Ok(())
}

fn stage_view() -> HumanView<std::io::Stdout> {
    let out = anstream::stdout();
    HumanView::new(std::io::stdout(), output::style_of(&out), output::on_terminal())
}

/// A view that kills its own process in the middle of a command.
struct Doomed<W: Write> {
    view: HumanView<W>,
    /// The commands that were started, each once however often it is told.
    runs: BTreeSet<ItemId>,
}

impl<W: Write + Send> View for Doomed<W> {
    fn event(&mut self, event: &Event) {
        self.view.event(event);
        if let EventKind::ItemStarted { item } = &event.kind
            && let ItemDetail::CommandExecution { .. } = item.detail
        {
            let is_new = self.runs.insert(item.id.clone());
            if is_new && self.runs.len() == KILL_IN_RUN {
                std::thread::spawn(|| {
                    std::thread::sleep(KILL_AFTER);
                    let _ = rustix::process::kill_process(
                        rustix::process::getpid(),
                        rustix::process::Signal::KILL,
                    );
                });
            }
        }
    }

    fn live(&mut self, live: &Live) {
        self.view.live(live);
    }

    fn note(&mut self, text: &str) {
        self.view.note(text);
    }

    fn notice(&mut self, notice: &Notice) {
        self.view.notice(notice);
    }

    fn rewind(&mut self, to: u64) {
        self.view.rewind(to);
    }

    fn gap(&mut self, from: u64, to: u64) {
        self.view.gap(from, to);
    }
}
