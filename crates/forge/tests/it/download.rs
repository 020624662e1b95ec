//! The tree of a commit: one suite, both hosts.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::State, response::IntoResponse, routing::get};
use bytes::Bytes;
use contract::{CommitSha, RepoName};
use forge::{ForgeError, GitHub, Host};
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    hosts::{TOKEN, both_hosts, github, serve},
    project::{Project, write_script},
};

fn repo() -> RepoName {
    "local/titanic".parse().unwrap()
}

async fn download(host: &Host, commit: &str, into: &Path) -> Result<(), ForgeError> {
    host.download_tree(&repo(), &commit.parse().unwrap(), into, &CancellationToken::new()).await
}

/// Everything in a folder: what it is and holds, by path.
fn listing(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).unwrap() {
            let path = entry.unwrap().path();
            let facts = fs::symlink_metadata(&path).unwrap();
            let what = if facts.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if facts.is_dir() {
                folders.push(path.clone());
                "folder".to_owned()
            } else {
                format!("{:o} {}", facts.permissions().mode() & 0o100, String::from_utf8(fs::read(&path).unwrap()).unwrap())
            };
            found.insert(path.strip_prefix(folder).unwrap().to_owned(), what);
        }
    }
    found
}

#[tokio::test]
async fn the_whole_tree_arrives_as_it_was_committed() {
    let project = Project::new().await;
    project.write("ä ö/data.csv", &"1,2,3\n".repeat(300_000));
    project.write("empty", "");
    project.write(&format!("{}/{}", "deep/".repeat(30), "long name ".repeat(15)), "x");
    write_script(&project.clone.join("run.sh"), "true");
    symlink("ä ö/data.csv", project.clone.join("link")).unwrap();
    symlink("../run.sh", project.clone.join("ä ö/up")).unwrap();
    let first = project.commit("first");
    project.write("later", "1");
    project.commit("second");
    project.push_recorded(&["main"]);

    let expected = project.folder.path().join("expected");
    fs::create_dir(&expected).unwrap();
    let archive = expected.with_extension("tar");
    project.git(&["archive", "--output", archive.to_str().unwrap(), &first]);
    tar::Archive::new(fs::File::open(archive).unwrap()).unpack(&expected).unwrap();
    let (hosts, _github) = both_hosts(&project);
    for host in hosts {
        let into = project.folder.path().join("not yet/there");
        download(&host, &first, &into).await.unwrap();
        assert_eq!(listing(&into), listing(&expected), "{host:?}");
        assert!(into.join("link").exists());
    }
}

#[tokio::test]
async fn a_link_that_leads_out_of_the_tree_is_left_out() {
    let project = Project::new().await;
    project.write("d/file", "1");
    for (target, link) in [("/etc/passwd", "absolute"), ("../../..", "d/up"), ("nowhere", "dangling"), ("d/file", "inside")]
    {
        symlink(target, project.clone.join(link)).unwrap();
    }
    let head = project.commit("first");
    project.push_recorded(&["main"]);
    let (hosts, _github) = both_hosts(&project);
    for host in hosts {
        let into = project.folder.path().join("tree");
        download(&host, &head, &into).await.unwrap();
        let found: Vec<_> = listing(&into).into_keys().collect();
        assert_eq!(found, ["d", "d/file", "inside"].map(PathBuf::from), "{host:?}");
    }
}

#[tokio::test]
async fn a_folder_that_was_there_is_replaced() {
    let project = Project::new().await;
    project.write("new", "1");
    let head = project.commit("first");
    project.push_recorded(&["main"]);
    let parent = project.folder.path().join("trees");
    let (hosts, _github) = both_hosts(&project);
    for host in hosts {
        let into = parent.join("tree");
        fs::create_dir_all(into.join("old")).unwrap();
        download(&host, &head, &into).await.unwrap();
        assert_eq!(listing(&parent).into_keys().collect::<Vec<_>>(), ["tree", "tree/new"].map(PathBuf::from));
    }
}

#[tokio::test]
async fn what_is_not_there_is_named_and_leaves_nothing() {
    let project = Project::new().await;
    project.commit("first");
    project.push_recorded(&["main"]);
    let parent = project.folder.path().join("trees");
    fs::create_dir(&parent).unwrap();
    let (hosts, _github) = both_hosts(&project);
    for host in hosts {
        let gone = download(&host, &"1".repeat(40), &parent.join("tree")).await;
        assert!(matches!(gone, Err(ForgeError::NotFound(_))), "{gone:?}");
        let unknown: RepoName = "local/unknown".parse().unwrap();
        let head: CommitSha = project.head().parse().unwrap();
        let gone = host.download_tree(&unknown, &head, &parent.join("tree"), &CancellationToken::new()).await;
        assert!(matches!(gone, Err(ForgeError::NotFound(_))), "{gone:?}");
    }
    assert!(listing(&parent).is_empty());
}

#[tokio::test]
async fn the_token_stays_with_the_api_when_an_archive_lies_on_another_host() {
    let project = Project::new().await;
    let head = project.commit("first");
    project.push_recorded(&["main"]);
    let (host, github) = github(&project);
    download(&host, &head, &project.folder.path().join("tree")).await.unwrap();
    let requests = github.requests();
    let [api, archive] = &*requests else { panic!("{requests:?}") };
    assert!(api.path.ends_with(&format!("/tarball/{head}")) && archive.path.ends_with(&head), "{requests:?}");
    assert_eq!(api.headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(api.headers["x-github-api-version"], "2022-11-28");
    assert!(api.headers["user-agent"].to_str().unwrap().starts_with("mlsys"));
    assert!(!archive.headers.contains_key("authorization"));
    assert!(!format!("{host:?}").contains(TOKEN), "the token must not get into logs");
}

#[tokio::test]
async fn a_download_that_breaks_off_leaves_nothing() {
    let project = Project::new().await;
    project.write("data", &"text ".repeat(100_000));
    let head = project.commit("first");
    let archive = crate::project::git_bytes(&project.clone, &["archive", "--format=tar.gz", "--prefix=x/", &head]);
    let half = Bytes::from(archive[..archive.len() / 2].to_vec());
    let cut = half.clone();
    let breaking = get(async move || {
        let chunks = stream::iter([Ok(cut), Err(std::io::Error::other("the cable is gone"))]);
        Body::from_stream(chunks).into_response()
    });
    let short = get(async move || half.into_response());
    for answer in [breaking, short] {
        let parent = tempfile::tempdir().unwrap();
        let url = serve(Router::new().route("/{*path}", answer)).await;
        let broken = download(&Host::GitHub(GitHub::new(&url, None).unwrap()), &head, &parent.path().join("tree")).await;
        assert!(matches!(broken, Err(ForgeError::Unavailable(_))), "{broken:?}");
        wait_until_empty(parent.path());
    }
}

#[tokio::test]
async fn a_cancelled_download_ends_at_once_and_leaves_nothing() {
    let started = Arc::new(Notify::new());
    let endless = async |State(started): State<Arc<Notify>>| {
        started.notify_one();
        let header = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]))]);
        Body::from_stream(header.chain(stream::pending()))
    };
    let url = serve(Router::new().route("/{*path}", get(endless)).with_state(started.clone())).await;
    let host = Host::GitHub(GitHub::new(&url, None).unwrap());
    let parent = tempfile::tempdir().unwrap();
    let (cancel, into) = (CancellationToken::new(), parent.path().join("tree"));
    let (repo, commit) = (repo(), "1".repeat(40).parse().unwrap());
    let (cancelled, ()) = tokio::join!(host.download_tree(&repo, &commit, &into, &cancel), async {
        started.notified().await;
        cancel.cancel();
    });
    assert!(matches!(cancelled, Err(ForgeError::Cancelled)), "{cancelled:?}");
    wait_until_empty(parent.path());
}

/// The unpacking thread clears up on its own time.
fn wait_until_empty(folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while fs::read_dir(folder).unwrap().next().is_some() {
        assert!(Instant::now() < deadline, "{:?} is left", listing(folder));
        std::thread::yield_now();
    }
}
