use super::discovery::StandIn;
use super::frames::{Frames, restamp};
use super::handshake::{is_for_samples, is_headers, is_request, until};
use super::{Faults, Shared};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a thread waits for bytes until it looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(5);

/// How long either side may take to say what it wants.
const SPEAKS_WITHIN: Duration = Duration::from_secs(10);

/// Accepts connections until the proxy is gone.
pub(super) fn serve(listener: TcpListener, stand_in: StandIn, shared: Arc<Shared>) {
    listener.set_nonblocking(true).expect("a listener");
    std::thread::spawn(move || {
        while !shared.is_over() {
            match listener.accept() {
                Ok((client, _)) => {
                    let (stand_in, shared) = (stand_in.clone(), Arc::clone(&shared));
                    std::thread::spawn(move || {
                        // A connection that breaks is what this is for.
                        let _ = connection(client, &stand_in, &shared);
                    });
                }
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    });
}

/// Passes the questions for the clock on, and the answers back.
pub(super) fn echo_clock(socket: UdpSocket, shared: Arc<Shared>) {
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let behind = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    behind.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    std::thread::spawn(move || {
        let mut room = [0; 2048];
        while !shared.is_over() {
            let Ok((n, from)) = socket.recv_from(&mut room) else { continue };
            if shared.faults().no_clock {
                continue;
            }
            let to: SocketAddr = (Ipv4Addr::LOCALHOST, shared.source.ports.1).into();
            let _ = behind.send_to(&room[..n], to);
            if let Ok(n) = behind.recv(&mut room) {
                let _ = socket.send_to(&room[..n], from);
            }
        }
    });
}

fn connection(mut client: TcpStream, stand_in: &StandIn, shared: &Shared) -> std::io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_nodelay(true)?;
    let mut source = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.source.ports.0))?;
    source.set_nodelay(true)?;
    client.set_read_timeout(Some(SPEAKS_WITHIN))?;
    let asked = until(&mut client, is_request)?;
    source.set_read_timeout(Some(SPEAKS_WITHIN))?;
    source.write_all(&asked)?;
    if !is_for_samples(&asked) {
        let mut xml = String::new();
        source.read_to_string(&mut xml)?;
        client.write_all(stand_in.rewrite(&xml).as_bytes())?;
        return Ok(());
    }
    let headers = until(&mut source, is_headers)?;
    client.write_all(&headers)?;
    let done = samples(&mut source, &mut client, shared);
    let _ = client.shutdown(Shutdown::Both);
    done
}

/// Passes samples on, with what is to be done to them.
fn samples(source: &mut TcpStream, client: &mut TcpStream, shared: &Shared) -> std::io::Result<()> {
    source.set_read_timeout(Some(LOOK))?;
    let cuts = shared.cuts.load(Ordering::Acquire);
    let mut frames = Frames::new(shared.layout);
    let mut waiting: VecDeque<(Instant, Vec<Vec<u8>>)> = VecDeque::new();
    // The first two are a pattern by which either side knows that they understand each other.
    let mut pattern = 2;
    let mut number = 0;
    let mut room = vec![0; 65536];
    loop {
        if shared.is_over() || shared.cuts.load(Ordering::Acquire) != cuts {
            return Ok(());
        }
        match source.read(&mut room) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                waiting.push_back((Instant::now(), frames.take(&room[..n])));
                if frames.is_lost() {
                    return Err(ErrorKind::InvalidData.into());
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) => return Err(e),
        }
        let faults = shared.faults();
        while !faults.frozen && waiting.front().is_some_and(|(came, _)| came.elapsed() >= faults.delay) {
            let Some((_, mut chunk)) = waiting.pop_front() else { break };
            while pattern > 0 && !chunk.is_empty() {
                client.write_all(&chunk.remove(0))?;
                pattern -= 1;
            }
            let passed = chunk.len() as u64;
            for bytes in harmed(chunk, &faults, &mut number) {
                client.write_all(&bytes)?;
            }
            shared.passed.fetch_add(passed, Ordering::AcqRel);
        }
    }
}

fn harmed(mut chunk: Vec<Vec<u8>>, faults: &Faults, number: &mut u64) -> Vec<Vec<u8>> {
    chunk.retain_mut(|frame| {
        *number += 1;
        let every = |n: u64| n > 0 && number.is_multiple_of(n);
        restamp(frame, faults.stamps_off_s);
        if every(faults.corrupt.0)
            && let Some(byte) = frame.get_mut(faults.corrupt.1)
        {
            *byte = faults.corrupt.2;
        }
        !every(faults.leave_out_every)
    });
    if faults.reorder {
        chunk.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    }
    if faults.duplicate {
        chunk.extend_from_within(..);
    }
    chunk
}
