//! Actions that run on when the page is closed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::{error::Error, operator::Operator, text::Text};

/// How many ended tasks are kept.
const MOST: usize = 100;

/// How long the end of the console waits for the row in work.
const TO_STOP: Duration = Duration::from_secs(20);

/// The tasks of this run, by number.
#[derive(Default)]
pub(super) struct Tasks(Mutex<BTreeMap<u64, Arc<Task>>>);

/// An action, and how far it is.
pub(super) struct Task {
    pub(super) number: u64,
    pub(super) title: String,
    /// The command that does the same.
    pub(super) command: String,
    /// The page that the operator came from.
    pub(super) back: String,
    progress: watch::Sender<TaskProgress>,
    is_stop_wanted: AtomicBool,
}

/// How far a task is.
#[derive(Debug, Clone, Default)]
pub(super) struct TaskProgress {
    pub(super) done: usize,
    pub(super) about: usize,
    pub(super) is_stopping: bool,
    pub(super) notes: Vec<String>,
    /// The result, once it has ended.
    pub(super) result: Option<TaskResult>,
}

/// What came of a task.
#[derive(Debug, Clone, Default)]
pub(super) struct TaskResult {
    pub(super) summary: String,
    /// What else is to be said.
    pub(super) details: Vec<String>,
    /// Whether nothing is left to do.
    pub(super) is_done: bool,
    pub(super) rows: Vec<TaskRow>,
}

/// What came of one row or letter.
#[derive(Debug, Clone)]
pub(super) struct TaskRow {
    pub(super) name: String,
    /// Whether it is a row, which has a page.
    pub(super) is_row: bool,
    pub(super) is_done: bool,
    pub(super) result: String,
}

/// What a task is called, and where it is shown.
pub(super) struct TaskName {
    pub(super) title: String,
    pub(super) command: String,
    pub(super) back: String,
}

impl Tasks {
    /// Starts a task, and returns its number.
    pub(super) fn start<W, F>(&self, name: TaskName, work: W) -> u64
    where
        W: FnOnce(Arc<Task>) -> F + Send + 'static,
        F: Future<Output = Result<TaskResult, Error>>,
    {
        let mut tasks = self.tasks();
        let number = tasks.last_key_value().map_or(1, |(last, _)| last + 1);
        let task = Arc::new(Task {
            number,
            title: name.title,
            command: name.command,
            back: name.back,
            progress: watch::Sender::new(TaskProgress::default()),
            is_stop_wanted: AtomicBool::new(false),
        });
        tasks.insert(number, Arc::clone(&task));
        forget_old(&mut tasks);
        drop(tasks);
        let working = Arc::clone(&task);
        let work = in_thread(async move || work(working).await);
        tokio::spawn(async move {
            let failed = |reason: String| TaskResult {
                summary: reason,
                ..TaskResult::default()
            };
            // A task that panics has an end, too: its page would wait for it for ever.
            let result = match work.await {
                Ok(Ok(result)) => result,
                Ok(Err(error)) => failed(error.to_string()),
                Err(panic) => failed(format!("it ended unexpectedly: {panic}")),
            };
            task.change(|progress| progress.result = Some(result));
        });
        number
    }

    pub(super) fn get(&self, number: u64) -> Option<Arc<Task>> {
        self.tasks().get(&number).cloned()
    }

    /// Stops all tasks before their next row, and waits for the row in work.
    pub(super) async fn stop_all(&self) {
        let running: Vec<_> = self.tasks().values().cloned().collect();
        for task in &running {
            task.stop();
        }
        for task in running {
            let mut progress = task.watch();
            let ended = progress.wait_for(|progress| progress.result.is_some());
            let _ = timeout(TO_STOP, ended).await;
        }
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Task>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts work in a thread of its own, so that it may hold what isn't `Send`.
pub(super) fn in_thread<W, F>(work: W) -> JoinHandle<F::Output>
where
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send + 'static>,
{
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(work()))
}

/// Forgets the oldest ended tasks.
fn forget_old(tasks: &mut BTreeMap<u64, Arc<Task>>) {
    let is_ended = |task: &Task| task.progress.borrow().result.is_some();
    while tasks.len() > MOST {
        let oldest = tasks.iter().find(|(_, task)| is_ended(task));
        let Some(number) = oldest.map(|(number, _)| *number) else {
            return;
        };
        tasks.remove(&number);
    }
}

impl Task {
    /// Returns how far it is, now and later.
    pub(super) fn watch(&self) -> watch::Receiver<TaskProgress> {
        self.progress.subscribe()
    }

    /// Ends it before the next row.
    pub(super) fn stop(&self) {
        self.is_stop_wanted.store(true, Ordering::Relaxed);
        self.change(|progress| progress.is_stopping = true);
    }

    fn change(&self, change: impl FnOnce(&mut TaskProgress)) {
        self.progress.send_modify(change);
    }
}

impl Operator for Task {
    fn note(&self, text: Text) {
        let text = console::strip_ansi_codes(&text.to_string()).into_owned();
        self.change(|progress| progress.notes.push(text));
    }

    fn offer_stop(&self) {}

    fn is_stop_wanted(&self) -> bool {
        self.is_stop_wanted.load(Ordering::Relaxed)
    }

    fn begin(&self, _: &'static str, about: usize) {
        self.change(|progress| progress.about = about);
    }

    fn advance(&self) {
        self.change(|progress| {
            progress.done += 1;
            progress.about = progress.about.max(progress.done);
        });
    }

    fn finish(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> TaskName {
        TaskName {
            title: String::new(),
            command: String::new(),
            back: String::new(),
        }
    }

    async fn ended(tasks: &Tasks, number: u64) -> TaskProgress {
        let mut progress = tasks.get(number).unwrap().watch();
        let ended = progress.wait_for(|progress| progress.result.is_some());
        ended.await.unwrap().clone()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_task_stops_before_the_next_row() {
        let tasks = Tasks::default();
        let number = tasks.start(name(), |task| async move {
            task.begin("publishing", 1000);
            while !task.is_stop_wanted() {
                task.advance();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(TaskResult::default())
        });
        let mut progress = tasks.get(number).unwrap().watch();
        progress
            .wait_for(|progress| progress.done > 2)
            .await
            .unwrap();
        tasks.stop_all().await;
        let progress = ended(&tasks, number).await;
        assert!(progress.is_stopping && progress.done < 1000);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_ends_a_task() {
        let tasks = Tasks::default();
        let number = tasks.start(name(), async |_| -> Result<TaskResult, Error> {
            panic!("a mistake")
        });
        let result = ended(&tasks, number).await.result.unwrap();
        assert!(result.summary.contains("ended unexpectedly") && !result.is_done);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_failure_is_the_result_and_old_tasks_are_forgotten() {
        let tasks = Tasks::default();
        let failing = async |_| Err(Error::NoReason);
        let first = tasks.start(name(), failing);
        assert!(!ended(&tasks, first).await.result.unwrap().is_done);
        for _ in 0..MOST {
            let number = tasks.start(name(), failing);
            ended(&tasks, number).await;
        }
        assert!(tasks.get(first).is_none());
    }
}
