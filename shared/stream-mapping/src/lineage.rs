//! The order in which the shards of a stream may be read.

use std::collections::{BTreeMap, BTreeSet};

use crate::settings::StartingPosition;

/// The shards of a stream. A shard must be done before its children are read, or an
/// item's records would be out of order ([Shards in DynamoDB Streams][streams]).
///
/// ```
/// use stream_mapping::{KnownShard, Lineage, StartingPosition};
///
/// let mut lineage = Lineage::new(StartingPosition::TrimHorizon);
/// let shard = |id: &str, parent: Option<&str>| KnownShard {
///     id: id.into(),
///     parent: parent.map(Into::into),
/// };
/// lineage.discovered([shard("parent", None), shard("child", Some("parent"))]);
///
/// let ids = |ready: Vec<(String, StartingPosition)>| -> Vec<String> {
///     ready.into_iter().map(|(id, _)| id).collect()
/// };
/// assert_eq!(ids(lineage.take_ready()), ["parent"]);
/// assert!(lineage.take_ready().is_empty());
/// lineage.done("parent");
/// assert_eq!(ids(lineage.take_ready()), ["child"]);
/// ```
///
/// [streams]: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
#[derive(Debug)]
pub struct Lineage {
    starting_position: StartingPosition,
    /// Whether no shards were discovered yet.
    is_first_discovery: bool,
    /// By id.
    shards: BTreeMap<String, ShardState>,
}

/// A shard in the response of `DescribeStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownShard {
    /// `ShardId`.
    pub id: String,
    /// `ParentShardId`: the shard it was split from.
    pub parent: Option<String>,
}

#[derive(Debug)]
struct ShardState {
    parent: Option<String>,
    /// Where reading it begins.
    begin_at: StartingPosition,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Reading,
    Done,
}

impl Lineage {
    /// Creates the lineage of a stream without any known shards.
    pub fn new(starting_position: StartingPosition) -> Self {
        Self {
            starting_position,
            is_first_discovery: true,
            shards: BTreeMap::new(),
        }
    }

    /// Adds the stream's shards; known ones may be among them.
    ///
    /// Shards that appear later are read from their beginning, regardless of the
    /// starting position, because they continue shards that are being read. With
    /// `LATEST`, shards that have children at the first discovery count as done.
    pub fn discovered(&mut self, shards: impl IntoIterator<Item = KnownShard>) {
        let is_first = std::mem::replace(&mut self.is_first_discovery, false);
        let from_latest = is_first && self.starting_position == StartingPosition::Latest;
        let shards: Vec<KnownShard> = shards.into_iter().collect();
        let parents: BTreeSet<String> = shards
            .iter()
            .filter_map(|shard| shard.parent.clone())
            .collect();
        for KnownShard { id, parent } in shards {
            let state = if from_latest && parents.contains(&id) {
                State::Done
            } else {
                State::Waiting
            };
            let begin_at = if from_latest {
                StartingPosition::Latest
            } else {
                StartingPosition::TrimHorizon
            };
            self.shards.entry(id).or_insert(ShardState {
                parent,
                begin_at,
                state,
            });
        }
    }

    /// Returns the shards that may be read now, with where to begin. Each shard is
    /// returned once. A parent that the stream no longer lists counts as done.
    pub fn take_ready(&mut self) -> Vec<(String, StartingPosition)> {
        let is_done = |parent: &String| {
            self.shards
                .get(parent)
                .is_none_or(|parent| parent.state == State::Done)
        };
        let ready: Vec<String> = self
            .shards
            .iter()
            .filter(|(_, shard)| shard.state == State::Waiting)
            .filter(|(_, shard)| shard.parent.as_ref().is_none_or(is_done))
            .map(|(id, _)| id.clone())
            .collect();
        let mut taken = Vec::new();
        for id in ready {
            if let Some(shard) = self.shards.get_mut(&id) {
                shard.state = State::Reading;
                taken.push((id, shard.begin_at));
            }
        }
        taken
    }

    /// Notes that a shard was read to its end and all of its records are done.
    pub fn done(&mut self, id: &str) {
        if let Some(shard) = self.shards.get_mut(id) {
            shard.state = State::Done;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parent: Option<&str>) -> KnownShard {
        KnownShard {
            id: id.into(),
            parent: parent.map(Into::into),
        }
    }

    #[test]
    fn a_shard_waits_for_its_parent() {
        let mut lineage = Lineage::new(StartingPosition::TrimHorizon);
        let shards = [
            shard("a", None),
            shard("b", Some("a")),
            shard("c", Some("a")),
            shard("d", Some("trimmed long ago")),
        ];
        lineage.discovered(shards.clone());
        let oldest = |id: &str| (id.to_owned(), StartingPosition::TrimHorizon);
        assert_eq!(lineage.take_ready(), [oldest("a"), oldest("d")]);
        lineage.discovered(shards);
        assert_eq!(lineage.take_ready(), [], "each is returned once");
        lineage.done("a");
        assert_eq!(lineage.take_ready(), [oldest("b"), oldest("c")]);
    }

    #[test]
    fn from_latest_old_shards_are_skipped_and_new_ones_read_fully() {
        let mut lineage = Lineage::new(StartingPosition::Latest);
        lineage.discovered([shard("a", None), shard("b", Some("a"))]);
        assert_eq!(
            lineage.take_ready(),
            [("b".to_owned(), StartingPosition::Latest)]
        );
        lineage.discovered([shard("b", Some("a")), shard("c", Some("b"))]);
        assert_eq!(lineage.take_ready(), []);
        lineage.done("b");
        assert_eq!(
            lineage.take_ready(),
            [("c".to_owned(), StartingPosition::TrimHorizon)]
        );
    }
}
