//! Debugging.
use crate::world::*;
use agent_core::*;
use temporal_backend::{wire::*, *};

struct Slow(agent_core::testing::FakeTools);
#[async_trait::async_trait]
impl ToolCallHandler for Slow {
    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        tokio::time::sleep(std::time::Duration::from_millis(12)).await;
        self.0.prepare(request).await
    }
    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        self.0.start(request)
    }
    async fn recover(&self, request: ToolRequest) -> ToolAnswer {
        self.0.recover(request).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dbg_stress() {
    let mut world = World::with(
        std::sync::Arc::new(agent_core::testing::FakeModel::new(obey)),
        std::sync::Arc::new(Slow(Default::default())),
    )
    .await;
    let own_bus = std::env::var_os("OWN_BUS").is_some();
    let options = BackendOptions {
        bus: if own_bus {
            std::sync::Arc::new(sink::LocalBus::default())
        } else {
            world.services.bus.clone()
        },
        blobs: world.services.blobs.clone(),
        redactor: world.services.redactor.clone(),
        queue: QUEUE.into(),
        run: RunOptions {
            records_per_run: std::env::var("RUNS").ok().and_then(|n| n.parse().ok()),
            ..RunOptions::default()
        },
        durability: "x".into(),
    };
    let backend = TemporalBackend::new(world.client.clone(), options);
    let session = backend.start(Tenant::default(), genesis()).await.unwrap();
    let mut up = session.updates(Cursor::default());
    let mut slowest = 0;
    for turn in 1..=60 {
        let t = std::time::Instant::now();
        session
            .submit(Submission::new(
                OpId::new(format!("o{turn}")),
                "t",
                Op::UserInput { items: vec![Content::text("call write read read_file write")] },
            ))
            .await
            .unwrap();
        loop {
            match futures::StreamExt::next(&mut up).await.unwrap().unwrap() {
                Update::Rewind { to } => println!("turn {turn} rewind {to}"),
                Update::Notice(notice) => println!("turn {turn} {notice:?}"),
                Update::Event(e) if e.kind.is_terminal() && e.turn.unwrap().0 == turn => break,
                _ => {}
            }
        }
        slowest = slowest.max(t.elapsed().as_millis());
        if t.elapsed().as_millis() > 1500 {
            println!("turn {turn} took {:?}", t.elapsed());
        }
    }
    println!("slowest {slowest}");
    world.stop_worker().await;
}
