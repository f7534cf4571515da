//! What the fuzz targets share.

use fastrand::Rng;

/// Half of the changes are libFuzzer's own, to bytes; the other half is made to
/// the JSON in them, which gets past the readers.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Rng::with_seed(seed.into());
    if random.bool() {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    let mutated = fuzz::mutate(&data[..size], &mut random);
    let size = mutated.len().min(max_size);
    data[..size].copy_from_slice(&mutated[..size]);
    size
}
