//! What settings come to.

use super::*;

fn given(pairs: &[(&str, &str)]) -> Settings {
    let given = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings { given, home: PathBuf::from("/nowhere") }
}

fn known() -> Known {
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    Known {
        webhook_secret: Secret::new("a webhook secret"),
        local_secret: Secret::new("a secret of the local remote"),
        internal_token: Secret::new("a token of 16 characters"),
        signing_key: Secret::new("5a".repeat(32)),
        secrets_key: None,
        python: PathBuf::from("/nowhere/python"),
        addresses: Addresses { api: at(1), model_server: at(2), mlflow: at(3), pid: 4 },
    }
}

#[test]
fn the_documented_defaults_are_the_ones_in_force() {
    // What stands for something else, and the grace of a worker that nobody waits for.
    let derived = |default: &str| default.contains('$');
    let documented = all().filter(|one| one.name != "SHUTDOWN_GRACE_SECONDS" && !derived(one.default));
    let pairs: Vec<_> = documented.map(|setting| (setting.name, setting.default)).collect();
    let shown = |settings: &Settings| {
        let Processes { backend, worker, model_server, .. } = settings.processes(None).expect("the defaults are legal");
        let backend =
            backend::ProcessConfig { backend: backend::Config { settings: Vec::new(), ..backend.backend }, ..backend };
        format!("{backend:?} {worker:?} {model_server:?}")
    };
    assert_eq!(shown(&given(&pairs)), shown(&given(&[])));
}

#[test]
fn everything_wrong_is_said_at_once_and_once() {
    let wrong = [
        ("MLSYS_PORT", "http"),
        ("MIN_ACCURACY_THRESHOLD", "high"),
        ("LEASE_SECONDS", "1"),
        ("DATABASE_URL", "mysql://h"),
        ("REDIS_URL", "h:6379"),
        ("MODEL_SERVER_QUEUE", "-1"),
        ("MODEL_SERVER_LISTEN", "everywhere"),
        ("INTERNAL_TOKEN", "changeme"),
        ("RUNNER_BACKEND", "kubernetes"),
    ];
    let Err(SettingsError(errors)) = given(&wrong).processes(None) else { panic!("all of it is wrong") };
    for (name, _) in wrong {
        assert_eq!(errors.iter().filter(|error| error.name == name).count(), 1, "{name}: {errors:?}");
    }
}

#[test]
fn what_is_set_wins_over_what_is_known() {
    let pairs = [
        ("DATABASE_URL", "postgres://h/d"),
        ("REDIS_URL", "redis://h:1"),
        ("MODEL_SERVER_LISTEN", "0.0.0.0:7001"),
        ("MODEL_SERVER_ADVERTISE", "http://m:7001"),
        ("MODEL_SERVER_THREADS", "3"),
        ("INTERNAL_TOKEN", "another token of ours"),
    ];
    let told = given(&pairs).processes(Some(&known())).expect("all of it is legal");
    assert_eq!(told.backend.connections.database_url.expose(), "postgres://h/d");
    assert_eq!(told.worker.connections.queue_url.expose(), "redis://h:1");
    assert_eq!(told.backend.backend.internal_token.expose(), "another token of ours");
    assert_eq!(told.backend.backend.webhook_secret.expose(), "a webhook secret");
    let server = told.model_server;
    assert_eq!((server.listen.to_string().as_str(), server.threads), ("0.0.0.0:7001", 3));
    assert_eq!((server.advertise.as_str(), server.backend_url.as_deref()), ("http://m:7001", Some("http://127.0.0.1:1")));
    assert!(!told.own_database && !told.worker_listens && told.mlflow_port == Some(5000));
}

#[test]
fn a_port_of_the_command_line_wins() {
    let ports = Ports { port: Some(1), model_server_port: Some(2), mlflow_port: None };
    let listen = |pairs| {
        let told = given(pairs).with(ports).processes(None).expect("legal");
        (told.backend.listen.to_string(), told.model_server.listen.to_string())
    };
    let expected = |backend: &str, server: &str| (backend.to_owned(), server.to_owned());
    assert_eq!(listen(&[("MLSYS_PORT", "9"), ("MLSYS_HOST", "::1")]), expected("[::1]:1", "[::1]:2"));
    let pairs = [("MODEL_SERVER_LISTEN", "0.0.0.0:9")];
    assert_eq!(listen(&pairs), expected("127.0.0.1:1", "0.0.0.0:2"));
    assert_eq!(given(&pairs).with(ports).without_effect(), [""; 0]);
}

#[test]
fn what_has_no_effect_is_named() {
    let pairs = [
        ("MLSYS_PROT", "1"),
        ("MODEL_SERVER_LISTEN", "0.0.0.0:1"),
        ("MODEL_SERVER_PORT", "2"),
        ("POD_IP", "10.0.0.1"),
        ("OTEL_SERVICE_NAME", "mlsys"),
    ];
    let told = given(&pairs).without_effect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("MLSYS_PROT is not a setting"), "{told:?}");
    assert!(told[1].starts_with("MODEL_SERVER_PORT has no effect"), "{told:?}");
}
