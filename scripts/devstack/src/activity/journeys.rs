//! What happened to each event.

use std::collections::{HashMap, VecDeque};

use devstack_api::{Journey, Outcome, Part, PutResult, ReadResult, Step, What};
use jiff::Timestamp;

use super::stored_event::StoredEvent;

/// How many events are kept.
const MOST_EVENTS: usize = 20_000;

/// How many steps of an event are kept: the first ones and the last ones.
const FIRST_STEPS: usize = 20;
const LAST_STEPS: usize = 40;

/// The journeys of the last events.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    by_id: HashMap<String, Journey>,
    /// The ids, the oldest first.
    ids: VecDeque<String>,
}

impl Journeys {
    /// Returns the journey of an event.
    pub(super) fn get(&self, id: &str) -> Option<Journey> {
        let mut journey = self.by_id.get(id)?.clone();
        // Not when it is delivered: the result of the request may come later than that.
        let causes: Vec<Option<String>> = journey
            .steps
            .iter()
            .map(|step| match step.what {
                What::Delivered { time, .. } if time > 1 => {
                    cause_of_duplicate(&journey.steps, time)
                }
                _ => None,
            })
            .collect();
        for (step, found) in journey.steps.iter_mut().zip(causes) {
            if let What::Delivered { cause, .. } = &mut step.what {
                *cause = found;
            }
        }
        Some(journey)
    }

    /// Adds a step of an event about which more may be known than its id.
    pub(super) fn add(&mut self, event: StoredEvent, what: What, at: Timestamp) {
        let journey = self.journey(&event.id);
        journey.row = journey.row.take().or(event.row);
        journey.event_type = journey.event_type.take().or(event.event_type);
        journey.order_id = journey.order_id.take().or(event.order_id);
        journey.trace_id = journey.trace_id.take().or(event.trace_id);
        push(journey, Step { at, what });
    }

    /// Adds a step of an event with this id.
    pub(super) fn add_to(&mut self, id: &str, what: What, at: Timestamp) {
        push(self.journey(id), Step { at, what });
    }

    /// Adds that the relay receives an event. Attempts that don't reach it are one step, because
    /// they are repeated every few seconds.
    pub(super) fn read(&mut self, event: StoredEvent, batch: u64, at: Timestamp) {
        let journey = self.journey(&event.id);
        if let Some(Step {
            what:
                What::Read {
                    batch: before,
                    result,
                    ..
                },
            ..
        }) = journey.steps.last_mut()
            && *before == batch
            && *result == Some(ReadResult::Retried(Outcome::NotReached))
        {
            *result = None;
            return;
        }
        let times = journey.steps.iter().rev().find_map(|step| match step.what {
            What::Read { time, .. } => Some(time),
            _ => None,
        });
        let what = What::Read {
            batch,
            time: times.unwrap_or_default() + 1,
            result: None,
        };
        self.add(event, what, at);
    }

    /// Completes the last step in which the relay received an event.
    pub(super) fn read_ended(&mut self, id: &str, ended: ReadResult) {
        let steps = self.by_id.get_mut(id).map(|journey| &mut journey.steps);
        let open = steps.into_iter().flatten().rev();
        for step in open {
            if let What::Read { result, .. } = &mut step.what {
                *result = Some(ended);
                return;
            }
        }
    }

    /// Adds a delivery of the bus, and returns whether it is the first one of the event.
    pub(super) fn delivered(&mut self, id: &str, at: Timestamp) -> bool {
        let journey = self.journey(id);
        let deliveries = journey.steps.iter().rev().find_map(|step| match step.what {
            What::Delivered { time, .. } => Some(time),
            _ => None,
        });
        let time = deliveries.unwrap_or_default() + 1;
        let what = What::Delivered { time, cause: None };
        push(journey, Step { at, what });
        time == 1
    }

    /// Returns whether a step of this kind is known.
    pub(super) fn has(&self, id: &str, is_it: impl Fn(&What) -> bool) -> bool {
        let journey = self.by_id.get(id);
        journey.is_some_and(|journey| journey.steps.iter().any(|step| is_it(&step.what)))
    }

    /// Returns when an event was committed.
    pub(super) fn committed_at(&self, id: &str) -> Option<Timestamp> {
        let mut steps = self.by_id.get(id)?.steps.iter();
        let committed = steps.find(|step| matches!(step.what, What::Committed { .. }));
        committed.map(|step| step.at)
    }

    /// Adds to the records of a part, and of those that followed it, who had published their
    /// events at once.
    pub(super) fn attribute(&self, part: &mut Part) {
        for record in &mut part.records {
            let id = record.event_id.as_ref();
            let journey = id.and_then(|id| self.by_id.get(id));
            let function = journey.and_then(Journey::published_at_once_by);
            record.published_at_once_by = function.map(str::to_owned);
        }
        for child in &mut part.children {
            self.attribute(child);
        }
    }

    fn journey(&mut self, id: &str) -> &mut Journey {
        if !self.by_id.contains_key(id) {
            if self.ids.len() == MOST_EVENTS
                && let Some(oldest) = self.ids.pop_front()
            {
                self.by_id.remove(&oldest);
            }
            self.ids.push_back(id.to_owned());
        }
        self.by_id.entry(id.to_owned()).or_insert_with(|| Journey {
            event_id: id.to_owned(),
            row: None,
            event_type: None,
            order_id: None,
            trace_id: None,
            steps: Vec::new(),
            omitted_steps: 0,
        })
    }
}

/// Adds a step at its time: a call has that of its request, and is added when it is answered.
fn push(journey: &mut Journey, step: Step) {
    if journey.steps.len() == FIRST_STEPS + LAST_STEPS {
        journey.steps.remove(FIRST_STEPS);
        journey.omitted_steps += 1;
    }
    let steps = &mut journey.steps;
    let is_later = |before: &Step| before.at > step.at;
    let later = steps.iter().rev().take_while(|it| is_later(it)).count();
    steps.insert(steps.len() - later, step);
}

/// Returns why an event was delivered for the `time`th time, from the requests that contained it.
fn cause_of_duplicate(steps: &[Step], time: u64) -> Option<String> {
    let puts = steps.iter().filter_map(|step| match &step.what {
        What::Put {
            request, result, ..
        } => Some((*request, result)),
        _ => None,
    });
    let (mut accepted, mut unanswered) = (Vec::new(), Vec::new());
    for (request, result) in puts {
        match result {
            PutResult::Accepted => accepted.push(request),
            PutResult::NoAnswer => unanswered.push(request),
            PutResult::Rejected(_) => {}
        }
    }
    let number = |request: &u64| request.to_string();
    let list = |requests: &[u64]| requests.iter().map(number).collect::<Vec<_>>().join(", ");
    if !unanswered.is_empty() && ((accepted.len() + unanswered.len()) as u64) >= time {
        return Some(format!(
            "request {} had no answer, so the event was put again",
            list(&unanswered)
        ));
    }
    if accepted.len() as u64 >= time {
        return Some(format!(
            "it was put more than once, in requests {}",
            list(&accepted)
        ));
    }
    // An operator's requests are not seen here.
    None
}

#[cfg(test)]
mod tests {
    use devstack_api::Publisher;

    use super::*;

    fn event(id: &str) -> StoredEvent {
        StoredEvent {
            id: id.to_owned(),
            ..StoredEvent::default()
        }
    }

    fn put(request: u64, result: PutResult) -> What {
        What::Put {
            request,
            by: Publisher::Relay,
            result,
        }
    }

    fn steps(journeys: &Journeys, id: &str) -> Vec<What> {
        let steps = journeys.get(id).unwrap().steps.into_iter();
        steps.map(|step| step.what).collect()
    }

    #[test]
    fn attempts_that_do_not_reach_the_relay_are_one_step() {
        let mut journeys = Journeys::default();
        let now = Timestamp::now();
        for result in [
            ReadResult::Retried(Outcome::NotReached),
            ReadResult::Retried(Outcome::NotReached),
            ReadResult::Retried(Outcome::FunctionError),
            ReadResult::Done,
        ] {
            journeys.read(event("e"), 7, now);
            journeys.read_ended("e", result);
        }
        let read = |time, result| What::Read {
            batch: 7,
            time,
            result: Some(result),
        };
        assert_eq!(
            steps(&journeys, "e"),
            [
                read(1, ReadResult::Retried(Outcome::FunctionError)),
                read(2, ReadResult::Done)
            ]
        );
    }

    #[test]
    fn a_duplicate_has_the_cause_that_the_requests_show() {
        let cause = |puts: &[PutResult]| {
            let mut journeys = Journeys::default();
            let now = Timestamp::now();
            for (request, result) in (1..).zip(puts) {
                journeys.add(event("e"), put(request, result.clone()), now);
            }
            assert!(journeys.delivered("e", now));
            assert!(!journeys.delivered("e", now));
            match steps(&journeys, "e").pop() {
                Some(What::Delivered { time: 2, cause }) => cause,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            cause(&[PutResult::NoAnswer, PutResult::Accepted]).as_deref(),
            Some("request 1 had no answer, so the event was put again")
        );
        assert_eq!(
            cause(&[PutResult::Accepted, PutResult::Accepted]).as_deref(),
            Some("it was put more than once, in requests 1, 2")
        );
        let throttled = PutResult::Rejected("ThrottlingException".to_owned());
        assert_eq!(cause(&[throttled, PutResult::Accepted]), None);
    }

    #[test]
    fn steps_are_in_order_of_time_and_causes_are_known_late() {
        let mut journeys = Journeys::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        journeys.delivered("e", at(2));
        journeys.delivered("e", at(4));
        journeys.add(event("e"), put(1, PutResult::NoAnswer), at(1));
        journeys.add(event("e"), put(2, PutResult::Accepted), at(3));
        let first = What::Delivered {
            time: 1,
            cause: None,
        };
        let cause = "request 1 had no answer, so the event was put again";
        let second = What::Delivered {
            time: 2,
            cause: Some(cause.to_owned()),
        };
        assert_eq!(
            steps(&journeys, "e"),
            [
                put(1, PutResult::NoAnswer),
                first,
                put(2, PutResult::Accepted),
                second
            ]
        );
    }

    #[test]
    fn events_and_their_steps_are_bounded() {
        let mut journeys = Journeys::default();
        let now = Timestamp::now();
        for request in 1..=100 {
            journeys.add(event("first"), put(request, PutResult::NoAnswer), now);
        }
        let first = journeys.get("first").unwrap();
        assert_eq!((first.steps.len(), first.omitted_steps), (60, 40));
        let request = |step: &Step| match step.what {
            What::Put { request, .. } => request,
            _ => 0,
        };
        assert_eq!(request(&first.steps[FIRST_STEPS - 1]), 20);
        assert_eq!(request(&first.steps[FIRST_STEPS]), 61);
        for id in 0..MOST_EVENTS {
            journeys.delivered(&id.to_string(), now);
        }
        assert!(journeys.get("first").is_none());
        assert_eq!(journeys.by_id.len(), MOST_EVENTS);
        assert_eq!(journeys.ids.len(), MOST_EVENTS);
    }
}
