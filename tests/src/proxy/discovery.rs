use super::Shared;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where LSL looks streams up: the first port, and how many.
const FIRST_PORT: u16 = 16572;
const PORTS: u16 = 128;

/// How a source announces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    xml: String,
    /// Of its TCP connections and of its clock.
    pub ports: (u16, u16),
}

impl Announced {
    /// The answer to a look-up: a line, which is the asker's, and the description; `None` without ports in it.
    #[must_use]
    pub fn read(answer: &[u8]) -> Option<Self> {
        let answer = String::from_utf8_lossy(answer);
        let (_, xml) = answer.split_once("\r\n")?;
        let number = |tag| inner(xml, tag).and_then(|text| text.parse().ok());
        let ports = (number("v4data_port")?, number("v4service_port")?);
        Some(Self { ports, xml: xml.to_owned() })
    }

    /// Looks a stream up.
    pub(super) fn find(session: &str, name: &str) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let port = socket.local_addr().expect("bound").port();
        let query = format!("session_id='{session}' and name='{name}'");
        let question = Question { query, port, id: "4711".into() }.text();
        let begun = Instant::now();
        let mut room = [0; 65536];
        while begun.elapsed() < Duration::from_secs(20) {
            for to in FIRST_PORT..FIRST_PORT + PORTS {
                let _ = socket.send_to(question.as_bytes(), (Ipv4Addr::LOCALHOST, to));
            }
            if let Ok(n) = socket.recv(&mut room)
                && let Some(found) = Self::read(&room[..n])
            {
                return found;
            }
        }
        panic!("no stream {name} answers");
    }

    /// The same in another session, behind other ports.
    #[must_use]
    pub fn stand_in(&self, session: &str, ports: (u16, u16)) -> StandIn {
        StandIn { from: self.clone(), session: session.to_owned(), ports }
    }
}

/// How the proxy announces itself.
#[derive(Clone, Debug)]
pub struct StandIn {
    from: Announced,
    session: String,
    ports: (u16, u16),
}

impl StandIn {
    /// A description of the source's, made the proxy's.
    #[must_use]
    pub fn rewrite(&self, xml: &str) -> String {
        let mut xml = xml.to_owned();
        for (tag, is) in [
            ("v4data_port", self.ports.0.to_string()),
            ("v4service_port", self.ports.1.to_string()),
            ("session_id", self.session.clone()),
        ] {
            if let Some(at) = place(&xml, tag) {
                xml.replace_range(at, &is);
            }
        }
        xml
    }

    /// What a look-up is answered with; `None` where it is of another test or for another stream.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Option<String> {
        let name = inner(&self.from.xml, "name").unwrap_or_default();
        let of_ours = question.query.contains(&format!("session_id='{}'", self.session));
        let of_it = !question.query.contains("name='") || question.query.contains(&format!("name='{name}'"));
        (of_ours && of_it).then(|| format!("{}\r\n{}", question.id, self.rewrite(&self.from.xml)))
    }
}

/// A look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is looked for, in XPath.
    pub query: String,
    /// Where to answer.
    pub port: u16,
    /// What the answer begins with.
    pub id: String,
}

impl Question {
    /// A datagram; `None` for what is none.
    #[must_use]
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(datagram);
        let mut lines = text.split("\r\n");
        let (Some("LSL:shortinfo"), Some(query), Some(to)) = (lines.next(), lines.next(), lines.next())
        else {
            return None;
        };
        let mut to = to.split(' ');
        let (port, id) = (to.next()?.parse().ok()?, to.next()?.to_owned());
        Some(Self { query: query.to_owned(), port, id })
    }

    /// As it is sent.
    #[must_use]
    pub fn text(&self) -> String {
        format!("LSL:shortinfo\r\n{}\r\n{} {}\r\n", self.query, self.port, self.id)
    }
}

/// The text of the first element so called; `None` where there is none, or it holds elements.
fn inner<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    place(xml, tag).map(|at| &xml[at])
}

fn place(xml: &str, tag: &str) -> Option<std::ops::Range<usize>> {
    let begin = format!("<{tag}>");
    let from = xml.find(&begin)? + begin.len();
    let to = from + xml[from..].find('<')?;
    xml[to..].starts_with(&format!("</{tag}>")).then_some(from..to)
}

/// Answers look-ups until the proxy is gone.
pub(super) fn answer(stand_in: StandIn, shared: Arc<Shared>) {
    let socket = (FIRST_PORT..FIRST_PORT + PORTS)
        .find_map(|port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).ok())
        .expect("a free port where streams are looked up");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    std::thread::spawn(move || {
        let mut room = [0; 65536];
        while !shared.is_over() {
            let Ok((n, from)) = socket.recv_from(&mut room) else { continue };
            let Some(question) = Question::read(&room[..n]) else { continue };
            if let Some(answer) = stand_in.answer(&question) {
                let _ = socket.send_to(answer.as_bytes(), (from.ip(), question.port));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_has_its_own_ports_and_session_however_the_source_writes_its_own() {
        for port in ["16572", "016572", "+16572"] {
            let xml = |port: &str, session: &str| {
                format!(
                    "<info><name>s</name><session_id>{session}</session_id><v4data_port>{port}</v4data_port>\
                     <v4service_port>7</v4service_port></info>"
                )
            };
            let found =
                Announced::read(format!("4711\r\n{}", xml(port, "theirs")).as_bytes()).expect("ports");
            assert_eq!(found.ports, (16572, 7));
            let stand_in = found.stand_in("ours", (9, 7));
            assert_eq!(stand_in.rewrite(&found.xml), xml("9", "ours"), "{port}");
        }
    }

    #[test]
    fn what_is_no_announcement_is_none() {
        for answer in
            ["", "4711", "4711\r\n<v4data_port>1</v4data_port>", "4711\r\n<v4data_port>70000</v4data_port>"]
        {
            assert_eq!(Announced::read(answer.as_bytes()), None, "{answer}");
        }
    }
}
