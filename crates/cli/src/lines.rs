//! Lines that the user types.

use std::io::BufRead;
use tokio::sync::mpsc;

/// So many typed lines may wait.
const WAITING_LINES: usize = 64;

/// Reads standard input line by line until it ends. The reading thread lives as long as the process: a blocking read of
/// a terminal cannot be taken back.
pub(crate) fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(WAITING_LINES);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
