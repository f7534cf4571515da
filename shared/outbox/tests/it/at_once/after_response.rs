//! Publishing once the response of an invocation has been returned.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{
    Context, LambdaInvocation, Service, service_fn,
    tower::{BoxError, Layer},
};
use outbox::{at_once::AfterResponse, handlers::Metrics};
use outbox_testing::{InMemoryAws, Operation};
use tokio::time::Instant;

use super::{commit, services};
use crate::memory::Rows;

/// Invokes a function that commits an event and has this result, `left` before its deadline.
async fn invoke(
    aws: &InMemoryAws,
    result: Result<(), BoxError>,
    left: Duration,
) -> Result<(), BoxError> {
    let after_response = AfterResponse::new(aws.at_once(), Metrics::of("outbox"));
    let hand_over = after_response.hand_over();
    let mut result = Some(result);
    let mut function = after_response.layer(service_fn(move |_: LambdaInvocation| {
        let (aws, hand_over) = (aws.clone(), hand_over.clone());
        let result = result.take().expect("one invocation");
        async move {
            commit(&aws, hand_over, "a", None, 1).await;
            // Its response is sent to Lambda now.
            assert!(aws.published_rows().is_empty());
            result
        }
    }));
    function.call(invocation(left)).await
}

fn invocation(left: Duration) -> LambdaInvocation {
    let deadline = SystemTime::now() + left;
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap().as_millis();
    let mut context = Context::default();
    context.deadline = deadline.try_into().unwrap();
    LambdaInvocation {
        parts: http::Response::new(()).into_parts().0,
        body: "{}".into(),
        context,
    }
}

#[tokio::test(start_paused = true)]
async fn an_invocation_publishes_after_its_response() {
    let aws = services();
    invoke(&aws, Ok(()), Duration::from_secs(10)).await.unwrap();
    assert_eq!(aws.published_rows(), ["a/1"]);
    assert!(aws.pending_rows().is_empty());
}

/// The response could not be sent, but what was committed is committed.
#[tokio::test(start_paused = true)]
async fn an_error_of_the_runtime_is_passed_on_after_publishing() {
    let aws = services();
    let result = invoke(&aws, Err("no response".into()), Duration::from_secs(10)).await;
    assert_eq!(result.unwrap_err().to_string(), "no response");
    assert_eq!(aws.published_rows(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn publishing_ends_two_seconds_after_the_response_and_before_the_timeout() {
    for (left, most) in [(10_000, 2_000), (1_500, 1_000), (400, 0)] {
        let aws = services();
        aws.set_latency(Operation::PutEvents, Duration::from_mins(1));
        let begun = Instant::now();
        let left = Duration::from_millis(left);
        invoke(&aws, Ok(()), left).await.unwrap();
        let took = begun.elapsed();
        assert!(took <= Duration::from_millis(most), "{left:?}: {took:?}");
        assert_eq!(aws.pending_rows(), ["a/1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_commits_nothing_calls_nothing() {
    let aws = services();
    let after_response = AfterResponse::new(aws.at_once(), Metrics::of("outbox"));
    let mut function = after_response.layer(service_fn(|_: LambdaInvocation| async { Ok(()) }));
    function
        .call(invocation(Duration::from_secs(10)))
        .await
        .unwrap();
    assert!(aws.calls(Operation::DescribeEventBus).is_empty());
}
