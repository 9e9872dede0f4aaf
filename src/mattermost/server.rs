//! The server's verdict on a key file and a signature.
