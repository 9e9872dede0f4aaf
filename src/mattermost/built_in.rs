//! The keys that servers trust without being told (plugin_signature.go).

/// A key that is built into the server. It is tried before the key files of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// Mattermost's own.
    Mattermost,
    /// The key that newer servers have besides, unless a feature flag takes it away.
    Mfi,
}

/// The feature flag that takes the second key away. Servers come with it on.
pub const MFI_FLAG: &str = "EnableMFIPluginSignaturePublicKey";

/// The feature flag of a change that is under way: keys over the server's interface, and uploads
/// with a signature. Servers come with it off.
pub const CUSTOM_KEYS_FLAG: &str = "EnableCustomPluginSignatureKeys";

impl BuiltIn {
    /// Returns what to call it.
    pub fn name(self) -> &'static str {
        match self {
            BuiltIn::Mattermost => "Mattermost's key (built in)",
            BuiltIn::Mfi => "the MFI key (built in)",
        }
    }

    /// Returns its fingerprint, if that is known for sure.
    pub fn fingerprint(self) -> Option<&'static str> {
        match self {
            BuiltIn::Mattermost => Some("C55881B80F69E863B85AD5D1D1B54B47A5CEFEC4"),
            BuiltIn::Mfi => None,
        }
    }

    /// Returns the ID of the only key in it that signs, if that is known for sure.
    pub fn signing_key(self) -> Option<u64> {
        match self {
            BuiltIn::Mattermost => Some(0xD1B5_4B47_A5CE_FEC4),
            BuiltIn::Mfi => None,
        }
    }
}
