//! gpg's and gpgv's options, and what becomes of each: all that `gpg --dump-options` knows, and no
//! other.

use self::Kind::{Done, Refused, Silent, Told};

/// What becomes of an option.
#[derive(Clone, Copy)]
pub enum Kind {
    /// It does what gpg's does.
    Done(Opt),
    /// It has no effect here, and nobody misses it.
    Silent,
    /// It has no effect here, and a note says so.
    Told,
    /// It would change what is signed, trusted or written, or plugsign cannot do it; and why.
    Refused(&'static str),
}

/// Options by row: the names of a row share a meaning. `|x` after a name is its short form, `=`
/// says that it takes a value.
pub type Table = &'static [(&'static str, Kind)];

/// What gpg can be asked to do here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    Sign,
    DetachSign,
    ClearSign,
    Verify,
    /// Gives out the text of a cleartext signed file. Nothing is decrypted.
    Decrypt,
    ListKeys,
    ListSigs,
    CheckSigs,
    ListSecretKeys,
    Fingerprint,
    ShowKeys,
    Export,
    ExportSecretKeys,
    ExportSecretSubkeys,
    Import,
    GenerateKey,
    FullGenerateKey,
    QuickGenerateKey,
    QuickAddKey,
    QuickSetExpire,
    QuickAddUserId,
    QuickRevokeUserId,
    ChangePassphrase,
    GenerateRevocation,
    EditKey,
    DeleteKeys,
    DeleteSecretKeys,
    DeleteSecretAndPublicKeys,
    ImportOwnerTrust,
    ExportOwnerTrust,
    PrintDigest,
    Nothing,
    ListConfig,
    ListPackets,
    Dearmor,
    Enarmor,
    DumpOptions,
    Version,
    Help,
}

/// An option that does something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opt {
    Task(Task),
    Armor,
    NoArmor,
    AlwaysTrust,
    AssertSigner,
    Batch,
    NoBatch,
    CertDigestAlgo,
    Comment,
    NoComments,
    Compliance,
    DefaultKey,
    DefaultNewKeyAlgo,
    DefaultPreferenceList,
    DigestAlgo,
    DryRun,
    EmitVersion,
    NoEmitVersion,
    ExportOptions,
    FakedSystemTime,
    Homedir,
    ImportOptions,
    KeyidFormat,
    Keyring,
    LocalUser,
    LoggerFd,
    LoggerFile,
    No,
    NoDefaultKeyring,
    NoTty,
    Output,
    Passphrase,
    PassphraseFd,
    PassphraseFile,
    /// Our own: a descriptor that has the passphrase and nothing else. What `--passphrase` becomes.
    PassphrasePipe,
    PersonalDigestPreferences,
    PinentryMode,
    Quiet,
    SpecialFilenames,
    StatusFd,
    StatusFile,
    TextMode,
    TrustModel,
    VerifyOptions,
    Verbose,
    NoVerbose,
    WeakDigest,
    WithColons,
    WithFingerprint,
    WithKeygrip,
    WithSecret,
    WithSubkeyFingerprint,
    Yes,
}

/// The version of gpg whose options these are. Scripts compare it, and do other things with much
/// older ones.
pub const LIKE: &str = "2.2.40";

const NOT_HERE: &str = "plugsign has no such command";
const NOT_WRITTEN: &str = "it would change what is written, and is not supported";

/// gpg's.
pub static GPG: Table = &[
    // Commands.
    ("change-passphrase passwd", Done(Opt::Task(Task::ChangePassphrase))),
    ("check-trustdb rebuild-keydb-caches update-trustdb", Done(Opt::Task(Task::Nothing))),
    ("clear-sign clearsign", Done(Opt::Task(Task::ClearSign))),
    ("decrypt|d", Done(Opt::Task(Task::Decrypt))),
    ("dearmor dearmour", Done(Opt::Task(Task::Dearmor))),
    ("delete-keys", Done(Opt::Task(Task::DeleteKeys))),
    ("delete-secret-and-public-keys", Done(Opt::Task(Task::DeleteSecretAndPublicKeys))),
    ("delete-secret-keys", Done(Opt::Task(Task::DeleteSecretKeys))),
    ("detach-sign|b", Done(Opt::Task(Task::DetachSign))),
    ("dump-options", Done(Opt::Task(Task::DumpOptions))),
    ("edit-key key-edit", Done(Opt::Task(Task::EditKey))),
    ("enarmor enarmour", Done(Opt::Task(Task::Enarmor))),
    ("export", Done(Opt::Task(Task::Export))),
    ("export-ownertrust", Done(Opt::Task(Task::ExportOwnerTrust))),
    ("export-secret-keys", Done(Opt::Task(Task::ExportSecretKeys))),
    ("export-secret-subkeys", Done(Opt::Task(Task::ExportSecretSubkeys))),
    ("fast-import import", Done(Opt::Task(Task::Import))),
    ("fingerprint", Done(Opt::Task(Task::Fingerprint))),
    ("full-gen-key full-generate-key", Done(Opt::Task(Task::FullGenerateKey))),
    ("gen-key generate-key", Done(Opt::Task(Task::GenerateKey))),
    ("gen-revoke generate-revocation", Done(Opt::Task(Task::GenerateRevocation))),
    ("help|h", Done(Opt::Task(Task::Help))),
    ("import-ownertrust", Done(Opt::Task(Task::ImportOwnerTrust))),
    ("list-config", Done(Opt::Task(Task::ListConfig))),
    ("list-key list-keys|k list-public-keys", Done(Opt::Task(Task::ListKeys))),
    ("list-sig list-sigs list-signatures with-sig-list", Done(Opt::Task(Task::ListSigs))),
    ("check-sig check-signatures check-sigs with-sig-check", Done(Opt::Task(Task::CheckSigs))),
    ("list-packets", Done(Opt::Task(Task::ListPackets))),
    ("list-secret-keys|K", Done(Opt::Task(Task::ListSecretKeys))),
    ("print-md", Done(Opt::Task(Task::PrintDigest))),
    ("quick-add-key quick-addkey", Done(Opt::Task(Task::QuickAddKey))),
    ("quick-add-uid quick-adduid", Done(Opt::Task(Task::QuickAddUserId))),
    ("quick-gen-key quick-generate-key", Done(Opt::Task(Task::QuickGenerateKey))),
    ("quick-revoke-uid quick-revuid", Done(Opt::Task(Task::QuickRevokeUserId))),
    ("quick-set-expire", Done(Opt::Task(Task::QuickSetExpire))),
    ("show-key show-keys", Done(Opt::Task(Task::ShowKeys))),
    ("sign|s", Done(Opt::Task(Task::Sign))),
    ("verify", Done(Opt::Task(Task::Verify))),
    ("version", Done(Opt::Task(Task::Version))),
    // Options.
    ("always-trust", Done(Opt::AlwaysTrust)),
    ("armor|a armour", Done(Opt::Armor)),
    ("assert-signer=", Done(Opt::AssertSigner)),
    ("batch", Done(Opt::Batch)),
    ("cert-digest-algo=", Done(Opt::CertDigestAlgo)),
    ("comment=", Done(Opt::Comment)),
    ("compliance=", Done(Opt::Compliance)),
    ("default-comment no-comments", Done(Opt::NoComments)),
    ("default-key=", Done(Opt::DefaultKey)),
    ("default-new-key-algo=", Done(Opt::DefaultNewKeyAlgo)),
    ("default-preference-list=", Done(Opt::DefaultPreferenceList)),
    ("digest-algo=", Done(Opt::DigestAlgo)),
    ("dry-run|n", Done(Opt::DryRun)),
    ("emit-version", Done(Opt::EmitVersion)),
    ("enable-special-filenames", Done(Opt::SpecialFilenames)),
    ("export-options=", Done(Opt::ExportOptions)),
    ("faked-system-time=", Done(Opt::FakedSystemTime)),
    ("homedir=", Done(Opt::Homedir)),
    ("import-options=", Done(Opt::ImportOptions)),
    ("keyid-format=", Done(Opt::KeyidFormat)),
    ("keyring=", Done(Opt::Keyring)),
    ("local-user|u= sign-with=", Done(Opt::LocalUser)),
    ("log-file= logger-file=", Done(Opt::LoggerFile)),
    ("logger-fd=", Done(Opt::LoggerFd)),
    ("no", Done(Opt::No)),
    ("no-armor no-armour", Done(Opt::NoArmor)),
    ("no-batch", Done(Opt::NoBatch)),
    ("no-default-keyring", Done(Opt::NoDefaultKeyring)),
    ("no-emit-version no-version", Done(Opt::NoEmitVersion)),
    ("no-tty", Done(Opt::NoTty)),
    ("no-verbose", Done(Opt::NoVerbose)),
    ("output|o=", Done(Opt::Output)),
    ("passphrase=", Done(Opt::Passphrase)),
    ("passphrase-fd=", Done(Opt::PassphraseFd)),
    ("passphrase-file=", Done(Opt::PassphraseFile)),
    ("personal-digest-preferences= personal-digest-prefs=", Done(Opt::PersonalDigestPreferences)),
    ("pinentry-mode=", Done(Opt::PinentryMode)),
    ("plugsign-passphrase-pipe=", Done(Opt::PassphrasePipe)),
    ("quiet|q", Done(Opt::Quiet)),
    ("status-fd=", Done(Opt::StatusFd)),
    ("status-file=", Done(Opt::StatusFile)),
    ("textmode|t", Done(Opt::TextMode)),
    ("trust-model=", Done(Opt::TrustModel)),
    ("verbose|v", Done(Opt::Verbose)),
    ("verify-options=", Done(Opt::VerifyOptions)),
    ("weak-digest=", Done(Opt::WeakDigest)),
    ("with-colons", Done(Opt::WithColons)),
    ("with-fingerprint", Done(Opt::WithFingerprint)),
    ("with-keygrip", Done(Opt::WithKeygrip)),
    ("with-secret", Done(Opt::WithSecret)),
    ("with-subkey-fingerprint with-subkey-fingerprints", Done(Opt::WithSubkeyFingerprint)),
    ("yes", Done(Opt::Yes)),
    // What plugsign refuses.
    ("card-edit card-status change-pin edit-card", Refused("plugsign does not use smart cards")),
    (
        "dump-option-table \
         export-ssh-key gen-prime gen-random gpgconf-list gpgconf-test list-gcrypt-config \
         print-dane-records print-mds \
         print-pka-records server store warranty with-key-data",
        Refused(NOT_HERE),
    ),
    (
        "decrypt-files encrypt|e encrypt-files symmetric|c hidden-recipient|R= \
         hidden-recipient-file= override-session-key= override-session-key-fd= recipient|r= \
         recipient-file= remote-user= show-session-key unwrap user=",
        Refused("plugsign only signs; it does not encrypt or decrypt"),
    ),
    (
        "desig-revoke generate-designated-revocation lsign-key quick-lsign-key quick-revoke-sig \
         quick-set-primary-uid quick-sign-key sign-key",
        Refused("plugsign does not change or certify keys this way"),
    ),
    (
        "fix-trustdb list-trustdb tofu-policy force-ownertrust=",
        Refused("plugsign keeps no owner trust; trust a signer with: plugsign trust add FILE"),
    ),
    (
        "fetch-keys locate-external-keys locate-keys receive-keys recv-keys refresh-keys \
         search-keys send-keys",
        Refused("plugsign never uses the network; fetch and publish keys with another program"),
    ),
    (
        "multifile verify-files",
        Refused(
            "plugsign's gpg takes one file at a time; for many: plugsign sign, plugsign verify",
        ),
    ),
    (
        "allow-non-selfsigned-uid allow-weak-digest-algos allow-weak-key-signatures \
         disable-pubkey-algo= list-only no-keyring no-require-backsigs \
         no-require-cross-certification require-compliance skip-verify trusted-key=",
        Refused("it would change what is trusted, and is not supported"),
    ),
    (
        "ask-sig-expire cert-notation= cert-policy-url= default-sig-expire= include-key-block \
         pgp6 pgp7 pgp8 sender= set-notation|N= set-policy-url= sig-keyserver-url= \
         sig-notation= sig-policy-url=",
        Refused("it would change what is signed, and is not supported"),
    ),
    (
        "command-fd=",
        Refused("plugsign takes no answers from a descriptor; use --batch and options"),
    ),
    ("command-file=", Refused("plugsign takes no answers from a file; use --batch and options")),
    (
        "default-keyserver-url= export-filter= forbid-gen-key \
         import-filter= max-output= merge-only primary-keyring=",
        Refused(NOT_WRITTEN),
    ),
    ("options=", Refused("plugsign reads no gpg.conf")),
    // plugsign has no agent, keyring file, trust database, card, network or encryption.
    (
        "agent-program= allow-freeform-uid allow-multiple-messages allow-multisig-verification \
         allow-secret-key-import attribute-fd= attribute-file= auto-check-trustdb \
         auto-key-locate= bzip2-decompress-lowmem charset= compress-keys compress-sigs \
         ctapi-driver= debug-iolbf debug-quick-random dirmngr-program= disable-dirmngr \
         disable-dsa2 disable-large-rsa disable-mdc disable-signer-uid display= \
         display-charset= enable-dsa2 enable-large-rsa enable-progress-filter escape-from-lines \
         exec-path= exit-on-status-write-error expert fast-list-mode fixed-list-mode \
         for-your-eyes-only force-v4-certs gpg-agent-info= honor-http-proxy ignore-mdc-error \
         ignore-time-conflict input-size-hint= known-notation= lc-ctype= lc-messages= \
         limit-card-insert-tries= load-extension lock-multiple lock-never lock-once \
         mangle-dos-filenames no-allow-freeform-uid no-allow-multiple-messages \
         no-allow-non-selfsigned-uid no-auto-check-trustdb no-auto-key-import \
         no-auto-key-locate no-auto-key-retrieve no-autostart no-default-recipient \
         no-disable-mdc no-escape-from-lines no-expensive-trust-checks no-expert \
         no-for-your-eyes-only no-force-mdc no-force-v4-certs no-greeting no-groups \
         no-include-key-block no-literal no-mangle-dos-filenames no-mdc-warning no-options \
         no-permission-warning no-pgp2 no-pgp6 no-pgp7 no-pgp8 no-random-seed-file \
         no-require-secmem no-rfc2440-text no-secmem-warning no-show-notation no-show-photos \
         no-show-policy-url no-sig-cache no-sk-comment no-sk-comments no-skip-hidden-recipients \
         no-strict no-textmode no-throw-keyids no-use-agent no-use-embedded-filename \
         no-utf8-strings not-dash-escaped only-sign-text-ids override-compliance-check \
         pcsc-driver= preserve-permissions reader-port= request-origin= require-backsigs \
         require-cross-certification require-secmem rfc2440-text set-filename= set-filesize= \
         sk-comments skip-hidden-recipients strict temp-directory= throw-keyids tofu-db-format= \
         try-all-secrets ttyname= ttytype= use-agent use-embedded-filename \
         use-only-openpgp-card utf8-strings xauthority=",
        Silent,
    ),
    // The same, but users may expect an effect.
    (
        "ask-cert-expire ask-cert-level auto-key-import auto-key-retrieve bzip2-compress-level= \
         cipher-algo= completes-needed= compress-algo= compress-level|z= compression-algo= \
         debug= debug-all debug-level= default-cert-check-level= default-cert-expire= \
         default-cert-level= default-recipient= default-recipient-self disable-ccid \
         disable-cipher-algo= encrypt-to= encrypt-to-default-key force-mdc force-sign-key \
         force-v3-sigs gnupg group= hidden-encrypt-to= ignore-crc-error ignore-valid-from \
         interactive|i key-origin= keyserver= keyserver-options= legacy-list-mode list-options= \
         marginals-needed= max-cert-depth= mimemode min-cert-level= min-rsa-length= \
         no-ask-cert-expire no-ask-cert-level no-ask-sig-expire no-encrypt-to no-force-v3-sigs \
         no-symkey-cache openpgp passphrase-repeat= personal-cipher-preferences= \
         personal-cipher-prefs= personal-compress-preferences= personal-compress-prefs= \
         photo-viewer= rfc2440 rfc4880 rfc4880bis s2k-cipher-algo= s2k-count= s2k-digest-algo= \
         s2k-mode= secret-keyring= show-keyring show-notation show-photos show-policy-url \
         tofu-default-policy= trustdb-name= try-secret-key= ungroup= with-icao-spelling \
         with-key-origin with-tofu-info with-wkd-hash",
        Told,
    ),
];

/// gpgv's: it verifies, and nothing else.
pub static GPGV: Table = &[
    ("dump-options", Done(Opt::Task(Task::DumpOptions))),
    ("help|h", Done(Opt::Task(Task::Help))),
    ("version", Done(Opt::Task(Task::Version))),
    ("assert-signer=", Done(Opt::AssertSigner)),
    ("enable-special-filenames", Done(Opt::SpecialFilenames)),
    ("homedir=", Done(Opt::Homedir)),
    ("keyring=", Done(Opt::Keyring)),
    ("log-file=", Done(Opt::LoggerFile)),
    ("logger-fd=", Done(Opt::LoggerFd)),
    ("output|o=", Done(Opt::Output)),
    ("quiet|q", Done(Opt::Quiet)),
    ("status-fd=", Done(Opt::StatusFd)),
    ("verbose|v", Done(Opt::Verbose)),
    ("weak-digest=", Done(Opt::WeakDigest)),
    ("debug=", Told),
    ("ignore-time-conflict", Silent),
    ("dump-option-table warranty", Refused(NOT_HERE)),
];
