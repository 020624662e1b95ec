//! Without namespaces, in a process of its own: the mode is the whole process's.

#[path = "it/confined.rs"]
mod confined;
#[path = "it/outlived.rs"]
mod outlived;
#[path = "it/world.rs"]
mod world;

fn settle() {
    let _ = sandbox::begin(sandbox::Mode::Landlock);
}

fn has_namespaces() -> bool {
    false
}

#[tokio::test]
async fn what_stays_open_without_namespaces_is_said() {
    settle();
    let said = sandbox::Offer::of_this_machine().describe(sandbox::mode());
    let folder = tempfile::tempdir().expect("a folder");
    let list = world::shell(folder.path(), "cd /proc && echo [0-9]*").await;
    assert!(list.split(' ').any(|number| number == std::process::id().to_string()), "{list}");
    if world::has_landlock() {
        assert!(said.contains("the list of processes") && said.contains("SANDBOX=landlock"), "{said}");
    }
}
