//! A simulated process: a future that can be paused and killed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A process, which runs by itself. A clone is the same process; whoever drops it lets it run on.
#[derive(Clone)]
pub struct Process(Arc<Mutex<Control>>);

struct Control {
    state: State,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Paused,
    Killed,
    Ended,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// By itself.
    Done(T),
    /// It was killed: what it had sent may still arrive.
    Killed,
    /// It panicked, with these words.
    Panicked(String),
}

impl Process {
    /// Starts a process in the local set that this is called in. `ended` hears how it ended, after all
    /// that it had is dropped.
    pub fn start<T: 'static>(
        body: impl Future<Output = T> + 'static,
        ended: impl FnOnce(Ended<T>) + 'static,
    ) -> Self {
        let process = Self(Arc::new(Mutex::new(Control {
            state: State::Running,
            waker: None,
        })));
        let life = Life {
            process: process.clone(),
            body: Some(Box::pin(body)),
        };
        tokio::task::spawn_local(async move { ended(life.await) });
        process
    }

    /// Stops it where it is. Time goes on.
    pub fn pause(&self) {
        self.turn(State::Running, State::Paused);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.turn(State::Paused, State::Running);
    }

    /// Ends it where it is.
    pub fn kill(&self) {
        self.turn(State::Running, State::Killed);
        self.turn(State::Paused, State::Killed);
    }

    /// Whether it has neither ended nor been killed.
    pub fn lives(&self) -> bool {
        matches!(self.control().state, State::Running | State::Paused)
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.control().state == State::Paused
    }

    fn turn(&self, from: State, to: State) {
        let mut control = self.control();
        if control.state == from {
            control.state = to;
            if let Some(waker) = control.waker.take() {
                waker.wake();
            }
        }
    }

    /// Nobody panics while holding the lock, and what it guards is whole at any time.
    fn control(&self) -> MutexGuard<'_, Control> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The future of a process.
struct Life<T> {
    process: Process,
    body: Option<Pin<Box<dyn Future<Output = T>>>>,
}

impl<T> Future for Life<T> {
    type Output = Ended<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended<T>> {
        let state = {
            let mut control = self.process.control();
            control.waker = Some(context.waker().clone());
            control.state
        };
        let Some(body) = &mut self.body else {
            return Poll::Pending;
        };
        let ended = match state {
            State::Paused => return Poll::Pending,
            State::Killed | State::Ended => Ended::Killed,
            State::Running => {
                let polled = catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context)));
                match polled {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(done)) => Ended::Done(done),
                    Err(panic) => Ended::Panicked(words(&*panic)),
                }
            }
        };
        self.body = None;
        self.process.control().state = State::Ended;
        Poll::Ready(ended)
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use tokio::task::LocalSet;
    use tokio::time::{Instant, sleep};

    use super::*;

    fn simulated(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, test);
    }

    fn ticking() -> (Process, Receiver<u64>, Receiver<Ended<()>>) {
        let (tick, ticks) = channel();
        let (end, ended) = channel();
        let began = Instant::now();
        let body = async move {
            for _ in 0..5 {
                sleep(Duration::from_secs(1)).await;
                tick.send(began.elapsed().as_secs()).unwrap();
            }
        };
        let process = Process::start(body, move |how| end.send(how).unwrap());
        (process, ticks, ended)
    }

    #[test]
    fn a_process_runs_to_its_end() {
        simulated(async {
            let (process, ticks, ended) = ticking();
            sleep(Duration::from_secs(9)).await;
            assert_eq!(ticks.iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
            assert_eq!(ended.recv().unwrap(), Ended::Done(()));
            assert!(!process.lives());
        });
    }

    #[test]
    fn a_paused_process_does_nothing_while_time_goes_on() {
        simulated(async {
            let (process, ticks, _ended) = ticking();
            sleep(Duration::from_millis(1500)).await;
            process.pause();
            sleep(Duration::from_secs(4)).await;
            assert_eq!(ticks.try_iter().collect::<Vec<_>>(), [1]);
            process.resume();
            sleep(Duration::from_secs(9)).await;
            // The sleep that was over meanwhile ends at once, and the next begins then.
            assert_eq!(ticks.iter().collect::<Vec<_>>(), [5, 6, 7, 8]);
        });
    }

    #[test]
    fn a_killed_process_does_nothing_any_more() {
        simulated(async {
            let (process, ticks, ended) = ticking();
            sleep(Duration::from_millis(1500)).await;
            process.pause();
            process.kill();
            process.resume();
            sleep(Duration::from_secs(9)).await;
            assert_eq!(ticks.iter().collect::<Vec<_>>(), [1]);
            assert_eq!(ended.recv().unwrap(), Ended::Killed);
        });
    }

    #[test]
    fn a_panic_is_told_and_goes_no_further() {
        simulated(async {
            let (end, ended) = channel();
            let body = async { assert_eq!(1 + 1, 3, "arithmetic") };
            let process = Process::start(body, move |how| end.send(how).unwrap());
            sleep(Duration::from_secs(1)).await;
            let Ended::Panicked(words) = ended.recv().unwrap() else {
                panic!("it did not panic");
            };
            assert!(words.contains("arithmetic"), "{words}");
            assert!(!process.lives());
        });
    }
}
