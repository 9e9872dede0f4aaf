//! Properties, on inputs that chance made up.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use arbitrary::{Result, Unstructured};

use super::random::{Random, seed};

/// Makes an input from chance, and asserts what holds for it.
type Property<'a> = &'a dyn Fn(&mut Unstructured<'_>) -> Result<()>;

/// Tries a property on so many inputs, each made from so many bytes of chance.
///
/// The seed is printed if the property does not hold. `PLUGSIGN_TEST_SEED` gives it again.
pub fn holds(cases: u64, size: usize, property: impl Fn(&mut Unstructured<'_>) -> Result<()>) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let seed = seed();
    let (mut done, mut tried) = (0, 0);
    while done < cases {
        let chance = Random::of_case(seed, tried).bytes(size);
        match catch_unwind(AssertUnwindSafe(|| property(&mut Unstructured::new(&chance)))) {
            Ok(made) => done += u64::from(made.is_ok()),
            Err(panic) => {
                eprintln!("{test}: PLUGSIGN_TEST_SEED={seed}, input {tried}; smaller ones:");
                smaller(&property, chance);
                resume_unwind(panic);
            }
        }
        tried += 1;
        assert!(tried < 10 * cases, "only {done} of {tried} inputs are any");
    }
}

/// Looks for inputs that fail, too, and are made from less chance: where it ends, all that it
/// decides is the smallest or the first. Each says why it fails; the last is the smallest.
fn smaller(property: Property<'_>, mut chance: Vec<u8>) {
    let mut less = chance.len().div_ceil(2);
    while less > 0 {
        let shorter = &chance[..chance.len() - less.min(chance.len())];
        let fails = || property(&mut Unstructured::new(shorter)).is_ok();
        if catch_unwind(AssertUnwindSafe(fails)).is_err() {
            chance.truncate(shorter.len());
        }
        less = if less == 1 { 0 } else { less.div_ceil(2) };
    }
    eprintln!("{} bytes of chance are enough", chance.len());
}

/// Makes a number of things, within these bounds.
pub fn several<T>(
    chance: &mut Unstructured<'_>,
    number: Range<usize>,
    mut make: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let number = chance.int_in_range(number.start..=number.end - 1)?;
    (0..number).map(|_| make(chance)).collect()
}

/// Makes bytes, as many as these bounds allow.
pub fn bytes(chance: &mut Unstructured<'_>, number: Range<usize>) -> Result<Vec<u8>> {
    several(chance, number, |chance| chance.arbitrary())
}

/// Makes a text of printable ASCII and of these characters, as long as these bounds allow.
pub fn line(chance: &mut Unstructured<'_>, others: &str, number: Range<usize>) -> Result<String> {
    let all: Vec<char> = (' '..='~').chain(others.chars()).collect();
    text(chance, &all, number)
}

/// Makes a text of these characters, as long as these bounds allow.
pub fn text(chance: &mut Unstructured<'_>, of: &[char], number: Range<usize>) -> Result<String> {
    Ok(several(chance, number, |chance| chance.choose(of).copied())?.into_iter().collect())
}
