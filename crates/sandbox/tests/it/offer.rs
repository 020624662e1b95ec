//! What is said of a machine.

use sandbox::{Mode, Offer};

#[test]
fn what_is_missing_is_said_with_what_it_leaves_open() {
    let whole = Offer { landlock: Some(6), seccomp: true, namespaces: true, egress: true, memory: true };
    let said = whole.describe(Mode::Auto);
    assert!(said.contains("namespaces") && !said.contains("list of processes") && !said.contains("network"), "{said}");
    let poor = Offer { landlock: Some(1), ..Offer::default() }.describe(Mode::Auto);
    for open in ["list of processes", "/dev/shm", "SANDBOX_EGRESS", "signals to other processes", "no namespaces: "] {
        assert!(poor.contains(open), "{poor}");
    }
    assert!(Offer::default().describe(Mode::Require).contains("whatever this user can"));
}
