//! The codec: one packet decoded (its fixed header cut off, everything checked) and one encoded into a warm buffer.

mod settings;

use std::hint::black_box;

use benches::samples;
use criterion::{Criterion, Throughput};

fn main() {
    settings::run(|criterion| {
        decode(criterion);
        encode(criterion);
    });
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec decodes");
    for sample in samples() {
        group.throughput(Throughput::Elements(1));
        group.bench_function(&sample.name, |bencher| bencher.iter(|| _ = black_box(black_box(&sample).decode())));
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec encodes");
    for sample in samples() {
        let packet = sample.decode();
        let mut out = Vec::with_capacity(sample.bytes.len());
        group.throughput(Throughput::Elements(1));
        group.bench_function(&sample.name, |bencher| {
            bencher.iter(|| {
                out.clear();
                black_box(&packet).encode(sample.version, &mut out);
                black_box(&out);
            });
        });
    }
    group.finish();
}
