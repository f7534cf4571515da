//! A client who tries the stack out, at the request of the console.

use std::collections::BTreeSet;

use devstack_api::{Damaged, PlaceOrders, PlacedOrders};
use futures::{StreamExt, stream};

use crate::{
    clients::Clients,
    damaged_event::DamagedEvent,
    deployment::Deployment,
    orders::{OrdersApi, REQUESTS_AT_ONCE},
};

/// Places orders, cancels some, and damages an event.
#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) api: OrdersApi,
    pub(crate) clients: Clients,
    pub(crate) deployment: Deployment,
}

/// The result for one order.
struct Placed {
    id: Result<String, String>,
    /// `None` if it was not to be cancelled.
    cancelled: Option<Result<(), String>>,
}

impl Customer {
    pub(crate) async fn place(&self, orders: PlaceOrders) -> PlacedOrders {
        let every = orders.cancel_every;
        let is_cancelled =
            move |number: u64| every.is_some_and(|every| number.is_multiple_of(every));
        let placed: Vec<Placed> = stream::iter(0..orders.count)
            .map(|number| self.place_one(number, is_cancelled(number)))
            .buffered(REQUESTS_AT_ONCE)
            .collect()
            .await;
        report(placed)
    }

    async fn place_one(&self, number: u64, is_cancelled: bool) -> Placed {
        let id = self.api.place_another(number).await;
        let cancelled = match &id {
            Ok(id) if is_cancelled => Some(self.api.cancel_one(id).await),
            _ => None,
        };
        Placed { id, cancelled }
    }

    /// Writes an event with a damaged detail.
    ///
    /// # Errors
    ///
    /// If the call fails; the reason is one line.
    pub(crate) async fn damage(&self) -> Result<Damaged, String> {
        let event = DamagedEvent::write(&self.clients, &self.deployment).await;
        let event = event.map_err(|error| stream_mapping_cli::reason(&error))?;
        Ok(Damaged {
            row: event.row(),
            order_id: event.order_id,
            event_id: event.event_id,
            detail: event.detail,
        })
    }
}

fn report(placed: Vec<Placed>) -> PlacedOrders {
    let mut report = PlacedOrders::default();
    let mut reasons = BTreeSet::new();
    let mut fail = |reason| {
        report.failed += 1;
        reasons.insert(reason);
    };
    for Placed { id, cancelled } in placed {
        match (id, cancelled) {
            (Err(reason), _) => fail(reason),
            (Ok(id), cancelled) => {
                match cancelled {
                    Some(Ok(())) => report.cancelled.push(id.clone()),
                    Some(Err(reason)) => fail(reason),
                    None => {}
                }
                report.placed.push(id);
            }
        }
    }
    report.failures = reasons.into_iter().collect();
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_reported_once() {
        let broken = || "503: the order could not be saved".to_owned();
        let placed = |id: Result<&str, String>, cancelled| Placed {
            id: id.map(str::to_owned),
            cancelled,
        };
        let report = report(vec![
            placed(Ok("1"), Some(Ok(()))),
            placed(Ok("2"), Some(Err(broken()))),
            placed(Err(broken()), None),
            placed(Ok("3"), None),
        ]);
        assert_eq!(report.placed, ["1", "2", "3"]);
        assert_eq!(report.cancelled, ["1"]);
        assert_eq!((report.failed, report.failures), (2, vec![broken()]));
    }
}
