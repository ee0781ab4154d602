//! Histories that were written before replay as they were, and a loop that decides otherwise does not get through.

mod fakes;
mod scenes;

use scenes::{SCENES, play};
use temporal_backend::{ReplayOptions, replay};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes files"]
async fn record_histories() {
    let only = std::env::var("ONLY").ok();
    for name in SCENES {
        if only.as_ref().is_some_and(|only| !only.split(',').any(|o| o == name)) {
            continue;
        }
        let begun = std::time::Instant::now();
        println!("{name}");
        let recorded = play(name).await;
        let played = begun.elapsed();
        let mut events = Vec::new();
        let mut sizes = vec![];
        let mut dumps: Vec<Vec<String>> = vec![];
        for run in recorded.runs {
            sizes.push((
                run.len(),
                temporalio_client::WorkflowHistory::from(run.clone()).to_json().await.unwrap().len(),
            ));
            let begun = std::time::Instant::now();
            let dump: Vec<String> = run
                .events()
                .iter()
                .map(|e| {
                    let t = e.event_time.as_ref().unwrap();
                    let full = format!("{:?}", e.attributes);
                    let full = if std::env::var("FULL").is_ok() {
                        full
                    } else {
                        full[..full.len().min(0)].to_owned()
                    };
                    format!(
                        "{} {} {}.{:06} {full}",
                        e.event_id,
                        e.event_type().as_str_name(),
                        t.seconds % 1000,
                        t.nanos / 1000
                    )
                })
                .collect();
            dumps.push(dump);
            match replay(run, ReplayOptions::default()).await {
                Ok(replayed) => events.extend(replayed.events().cloned()),
                Err(error) => println!("{name}: {error}"),
            }
            println!("  replay {:?}", begun.elapsed());
        }
        if recorded.events != events {
            println!("{}", dumps.concat().join("\n"));
        }
        for (a, b) in recorded.events.iter().zip(&events) {
            if a != b {
                println!("LIVE {a:?}\nREPL {b:?}");
            }
        }
        println!(
            "{name}: {sizes:?} {} {} {} in {played:?}",
            recorded.events.len(),
            events.len(),
            recorded.events == events
        );
    }
}
