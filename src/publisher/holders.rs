//! Which names of one place hold which keys: two files may have copies of one key.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::Publisher;
use super::failure::Failure;
use super::show::CertificateView;
use crate::disk;
use crate::disk::home::Home;
use crate::disk::server_config::{KeyBytes, ServerConfig};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::key_file::read_certificates;
use crate::openpgp::policy::Policy;
use crate::text::quoted;

/// The names of a place, and the certificates that each holds.
#[derive(Default)]
pub(super) struct Holders(BTreeMap<String, Vec<Certificate>>);

impl Holders {
    /// Looks at what the home trusts. What cannot be read is left out.
    pub(super) fn of_home(home: &Home) -> Holders {
        let mut holders = Holders::default();
        for trusted in home.trusted().map(|shelf| shelf.items).unwrap_or_default() {
            holders.add(&trusted.name, &trusted.certificate);
        }
        holders
    }

    /// Looks at the key files of a server. What cannot be read is left out.
    pub(super) fn of_server(config: &Path, publisher: &Publisher<'_>) -> Holders {
        let mut holders = Holders::default();
        let Ok(server) = ServerConfig::open(config) else { return holders };
        for file in server.keys() {
            let Ok(KeyBytes::New(bytes)) = &file.file else { continue };
            let read = read_certificates(bytes, publisher.budget).unwrap_or_default();
            read.iter().flatten().for_each(|certificate| holders.add(&file.name, certificate));
        }
        holders
    }

    /// Takes in what was put under a name.
    pub(super) fn add(&mut self, name: &str, certificate: &Certificate) {
        self.0.entry(name.to_owned()).or_default().push(certificate.clone());
    }

    /// Takes a name out. Returns the other names that hold one of its keys.
    pub(super) fn remove(&mut self, name: &str) -> Vec<String> {
        let gone = self.0.remove(name).unwrap_or_default();
        let mut others: Vec<String> =
            gone.iter().flat_map(|certificate| self.others(name, certificate)).collect();
        others.sort();
        others.dedup();
        others
    }

    /// Returns the other names that hold a certificate's key.
    pub(super) fn others(&self, name: &str, certificate: &Certificate) -> Vec<String> {
        let others = self.0.iter().filter(|(other, held)| {
            *other != name && held.iter().any(|held| is_copy(held, certificate))
        });
        others.map(|(other, _)| other.clone()).collect()
    }

    /// Returns whether a name holds copies of this certificate and nothing else, and none says
    /// anything against it that it does not say itself: a revocation, an earlier end.
    pub(super) fn is_update(&self, name: &str, certificate: &Certificate, policy: &Policy) -> bool {
        let view = |certificate: &Certificate| json!(CertificateView::new(certificate, policy));
        let own = view(certificate);
        let is_older = |held: &Certificate| {
            is_copy(held, certificate) && view(&certificate.narrowed_by(held)) == own
        };
        self.0.get(name).is_some_and(|held| held.iter().all(is_older))
    }

    /// Adds to a taken name what to do: it may be of an older copy of the key, or of a revoked key.
    pub(super) fn advised(
        &self,
        error: disk::Error,
        (name, certificate): (&str, &Certificate),
        (config, file): (Option<&Path>, &Path),
    ) -> Failure {
        if !matches!(error, disk::Error::Exists(_)) {
            return error.into();
        }
        let place = config.map(|config| format!(" --config {}", quoted(config)));
        let place = place.unwrap_or_default();
        let held: Vec<&Certificate> = self.0.get(name).into_iter().flatten().collect();
        let is_all_revoked = !held.is_empty() && held.iter().all(|it| it.revoked().is_some());
        let advice = match held.into_iter().find(|held| is_copy(held, certificate)) {
            Some(held) if held.revoked().is_some() && certificate.revoked().is_none() => {
                "the server's copy of this key is revoked, and yours is not. Keep it: ask the key's owner".into()
            }
            Some(_) => format!(
                "the server has another copy of this key. To put yours in its place:\n  plugsign trust add --force{place} {}",
                quoted(file)
            ),
            None if is_all_revoked => format!(
                "the key of that name is revoked. To put yours in its place:\n  plugsign trust add --force{place} {}",
                quoted(file)
            ),
            None => "it is another key's file, or none. Give yours another name with --name NAME"
                .into(),
        };
        Failure::advised(error, advice)
    }
}

fn is_copy(one: &Certificate, other: &Certificate) -> bool {
    one.fingerprint() == other.fingerprint()
}
