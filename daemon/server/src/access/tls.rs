//! Encryption: TLS 1.2 and 1.3 by rustls.

use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{Error as RustlsError, RootCertStore, ServerConfig};

/// Files in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The daemon's certificate, and those it rests on behind it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whose certificates clients have to show; absent: they show none.
    pub client_ca: Option<PathBuf>,
}

/// Why there can be no encryption.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("{0}: cannot be read as PEM: {1}")]
    File(PathBuf, String),
    /// There is nothing in it.
    #[error("{0}: holds no certificate")]
    Empty(PathBuf),
    /// The key is not the certificate's, or of no known kind.
    #[error("{0} and {1} do not go together")]
    Pair(PathBuf, PathBuf, #[source] RustlsError),
    /// What clients' certificates are to be held against is no certificate of an authority.
    #[error("{0}: clients' certificates cannot be held against it")]
    Authority(PathBuf, #[source] VerifierBuilderError),
}

fn unreadable(path: &std::path::Path) -> impl Fn(PemError) -> TlsError + '_ {
    move |e| TlsError::File(path.to_owned(), e.to_string())
}

fn certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path).map_err(unreadable(path))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(unreadable(path))?;
    if found.is_empty() { Err(TlsError::Empty(path.to_owned())) } else { Ok(found) }
}

/// Whether encryption comes about with these files.
///
/// # Errors
/// [`TlsError`].
pub fn check_tls(files: &TlsFiles) -> Result<(), TlsError> {
    acceptor(files).map(|_| ())
}

/// What makes encrypted connections of plain ones.
///
/// # Errors
/// [`TlsError`].
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|e| unreachable!("the provider has suites for the default versions: {e}"));
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            let refused = |e| TlsError::Authority(path.clone(), e);
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| TlsError::Pair(path.clone(), path.clone(), e))?;
            }
            let provider = Arc::new(default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(refused)?)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|e| TlsError::Pair(files.certificate.clone(), files.key.clone(), e))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
