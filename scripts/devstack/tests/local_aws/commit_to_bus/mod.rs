//! Measures the way of an event from its commit to the bus, without faults: with writers that
//! publish at once, and with the stream alone.

mod calls;
mod figures;
mod processes;
mod service;

use self::{
    figures::{Figures, Round},
    service::Service,
};

/// The numbers of orders in a second.
const RATES: [u32; 2] = [10, 100];

/// The rounds of each way, which alternate, and for how long orders are placed in each.
const ROUNDS: usize = 5;
const ROUND_SECONDS: u32 = 10;

/// For how long orders are placed before the first round, so that functions are warm.
const WARM_UP_SECONDS: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the measured functions and the local AWS: make bench"]
async fn measure_commit_to_bus() {
    let stream = Service::start(&[
        ("create-order", "EVENT_BUS_NAME"),
        ("publish-events", "LOOK_UP"),
    ])
    .await;
    let at_once = Service::start(&[]).await;
    let mut ways = [(stream, Vec::new()), (at_once, Vec::new())];
    for rate in RATES {
        for (service, rounds) in &mut ways {
            service.round(rate, WARM_UP_SECONDS).await;
            rounds.clear();
        }
        for _ in 0..ROUNDS {
            for (service, rounds) in &mut ways {
                rounds.push(service.round(rate, ROUND_SECONDS).await);
            }
        }
        let [(_, stream), (_, at_once)] = &ways;
        report(rate, stream, at_once);
    }
    for (service, _) in ways {
        service.stop().await;
    }
}

fn report(rate: u32, stream: &[Round], at_once: &[Round]) {
    println!("\n{rate} orders a second, {ROUNDS} rounds of {ROUND_SECONDS} s:");
    for (way, rounds) in [("by the stream", stream), ("at once", at_once)] {
        println!("{way}: {}", Figures::of(rounds));
    }
    let added = Figures::added_response_times(stream, at_once);
    println!("response, at once less by the stream, medians of rounds: {added}");
}
