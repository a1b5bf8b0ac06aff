//! `health`.

use super::Machine;
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
};

/// Answers one question.
fn answering(status: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 64];
        assert!(stream.read(&mut head).unwrap() > 0);
        write!(stream, "HTTP/1.1 {status}\r\n\r\n").unwrap();
    });
    address
}

#[test]
fn the_listener_of_the_configuration_file_is_asked() {
    let machine = Machine::with_env([]);
    let file = |name, status| {
        let listener = answering(status);
        (machine.file(name, &format!("[server]\nops_listen = \"{listener}\"\n")), listener)
    };
    let (ready, _) = file("ready.toml", "200 OK");
    assert_eq!(machine.text(&["health", "--config", &ready]), "");
    let (ending, listener) = file("ending.toml", "503 Service Unavailable");
    let refused = format!("the gateway at {listener} is not ready: HTTP/1.1 503");
    machine.refused(&["health", "--config", &ending], 1, &refused);
}

#[test]
fn a_wrong_address_is_told_with_its_mend() {
    let mend = "is not an address with a port; write for example 0.0.0.0:8443";
    let machine = Machine::with_env([("OPS_LISTEN", "foo")]);
    machine.refused(&["health"], 2, &format!("environment: OPS_LISTEN: \"foo\" {mend}"));
    let told = format!("invalid value 'foo' for '--ops <ADDR>': it {mend}");
    machine.refused(&["health", "--ops", "foo"], 2, &told);
}
