//! What one door still says otherwise.

/// The table, the case, the door, and what it says today. The list only shrinks: whoever mends a
/// door takes its lines out, and the test fails until then.
pub const DIFFER_TODAY: &[(&str, &str, &str, &str)] = &[];
