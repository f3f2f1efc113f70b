//! A client for what servers say over HTTP, plain or through TLS.
//!
//! It speaks HTTP/1.0: the answer ends with its connection, and no server chops it into chunks.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A server that says nothing for this long never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where to ask, and how.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    token: Option<String>,
    patience: Duration,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// A connection, through TLS or not.
trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

impl Client {
    /// Plain HTTP.
    pub fn plain(address: impl Into<SocketAddr>) -> Self {
        Self {
            address: address.into(),
            tls: None,
            token: None,
            patience: PATIENCE,
        }
    }

    /// Through TLS, to a server whose certificate this authority (PEM) signed for its address.
    pub fn tls(address: impl Into<SocketAddr>, ca_file: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca_file)? {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: Some(Arc::new(config)),
            ..Self::plain(address)
        })
    }

    /// With this bearer token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Waiting for an answer no longer than this.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Asks for a path, with its query.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, "")
    }

    /// Sends JSON.
    pub fn send(&self, method: &str, path: &str, json: &str) -> Result<Answer> {
        let (mut answer, mut rest) = self.open(method, path, json)?;
        rest.read_to_string(&mut answer.body)
            .context("the answer broke off")?;
        if let Some(promised) = answer.header("content-length") {
            let (promised, got): (usize, _) = (promised.parse()?, answer.body.len());
            ensure!(
                got == promised,
                "the answer broke off after {got} of {promised} bytes"
            );
        }
        Ok(answer)
    }

    /// Asks for a path and gives the lines of the answer as they come.
    pub fn lines(&self, path: &str) -> Result<impl Iterator<Item = Result<String>> + use<>> {
        let (answer, mut rest) = self.open("GET", path, "")?;
        if answer.status != 200 {
            let mut why = String::new();
            rest.read_to_string(&mut why)?;
            ensure!(answer.status == 200, "{}: {why}", answer.status);
        }
        Ok(rest.lines().map(|line| Ok(line?)))
    }

    /// The head of an answer, and the connection that its body comes from.
    fn open(
        &self,
        method: &str,
        path: &str,
        json: &str,
    ) -> Result<(Answer, BufReader<Box<dyn Connection>>)> {
        let mut stream = self.connect()?;
        let token = self.token.as_deref();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n{}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{json}",
            self.address,
            token.unwrap_or_default(),
            json.len(),
        );
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        let mut stream = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            stream.read_line(&mut line).context("no answer")?;
            anyhow::Ok(line.trim_end().to_owned())
        };
        let first = line()?;
        let status = first
            .split(' ')
            .nth(1)
            .with_context(|| format!("{first:?}"))?;
        let mut answer = Answer {
            status: status.parse()?,
            headers: Vec::new(),
            body: String::new(),
        };
        loop {
            let header = line()?;
            let Some((name, value)) = header.split_once(": ") else {
                return Ok((answer, stream));
            };
            answer
                .headers
                .push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }

    fn connect(&self) -> Result<Box<dyn Connection>> {
        let stream = TcpStream::connect_timeout(&self.address, self.patience)
            .with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_read_timeout(Some(self.patience))?;
        let Some(config) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = self.address.ip().into();
        let connection = ClientConnection::new(Arc::clone(config), name)?;
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }
}

impl Answer {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(found, _)| found == name)?;
        Some(value)
    }
}
