//! Whatever comes over the wire, the server goes on.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::harness::{Running, history, start_request};
use tonic::IntoRequest as _;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = self.next() % most;
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// A frame whose length is right, mostly, and whose type exists, mostly.
    fn frame(&mut self) -> Vec<u8> {
        let payload = self.bytes(64);
        let length = if self.next().is_multiple_of(8) { self.next() as u32 } else { payload.len() as u32 };
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.push((self.next() % 11) as u8);
        frame.push(self.next() as u8);
        frame.extend(((self.next() % 8) as u32).to_be_bytes());
        frame.extend(payload);
        frame
    }
}

/// Sends bytes and waits for a moment for whatever comes back.
fn send(server: &Running, bytes: &[u8]) {
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_millis(5))).expect("it is not zero");
    // The server may hang up in the midst of it.
    let _ = stream.write_all(bytes);
    let _ = stream.read(&mut [0; 256]);
}

#[tokio::test]
async fn the_server_survives_whatever_it_is_sent() {
    let server = Running::start_dev(&["--log-level", "error"]);
    let connection = server.connect().await;
    let start = start_request("default", "wf");
    connection.workflow_service().start_workflow_execution(start.into_request()).await.expect("it starts");
    send(&server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    send(&server, &[PREFACE, &[0xff; 1 << 16]].concat());
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for _ in 0..100 {
        send(&server, &numbers.bytes(512));
        let mut bytes = [PREFACE, EMPTY_SETTINGS].concat();
        for _ in 0..1 + numbers.next() % 8 {
            bytes.extend(numbers.frame());
        }
        send(&server, &bytes);
    }
    assert_eq!(history(&connection, "wf").await.expect("the server is still there").len(), 2);
}
