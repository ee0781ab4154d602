//! The system's clock and ids.

use crate::world::soon;
use agent_core::Entropy;
use local_backend::SystemEntropy;
use std::collections::BTreeSet;

#[tokio::test]
async fn ids_are_unique_and_sort_by_time_and_sleep_lasts_until_it_is_due() {
    let ids: Vec<String> = (0..1000).map(|_| SystemEntropy.id()).collect();
    assert!(ids.is_sorted());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1000);
    assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'));
    assert_eq!((0..1000).map(|_| SystemEntropy.random()).collect::<BTreeSet<_>>().len(), 1000);
    let due_ms = SystemEntropy.now_ms() + 20;
    soon(SystemEntropy.sleep_until(due_ms)).await;
    assert!(SystemEntropy.now_ms() >= due_ms);
    soon(SystemEntropy.sleep_until(0)).await;
}
