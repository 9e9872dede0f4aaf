//! Whose key it is, as options.

use clap::Args;
use plugsign::openpgp::keygen::{check_user_id, user_id};
use plugsign::publisher::failure::Failure;

use super::report::usage;

/// Whose key it is.
#[derive(Args)]
pub struct Identity {
    /// The real name in the user ID. For a release key, that of the organisation
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The e-mail address in the user ID
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The comment in the user ID
    #[arg(long, value_name = "COMMENT")]
    comment: Option<String>,
    /// The whole user ID
    #[arg(long, value_name = "UID", conflicts_with_all = ["name", "email", "comment"])]
    user_id: Option<String>,
}

impl Identity {
    /// Returns whether there is any.
    pub fn is_given(&self) -> bool {
        self.user_id.is_some() || self.is_named() || self.comment.is_some()
    }

    fn is_named(&self) -> bool {
        self.name.is_some() || self.email.is_some()
    }

    /// Returns the user ID.
    pub fn user_id(&self) -> Result<String, Failure> {
        if let Some(user_id) = &self.user_id {
            check_user_id(user_id)?;
            return Ok(user_id.clone());
        }
        if self.comment.is_some() && !self.is_named() {
            return usage("--comment goes with --name or --email");
        }
        let [name, comment, email] =
            [&self.name, &self.comment, &self.email].map(|it| it.as_deref().unwrap_or_default());
        Ok(user_id(name, comment, email)?)
    }
}
