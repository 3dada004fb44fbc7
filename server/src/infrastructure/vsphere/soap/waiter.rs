//! Waits for news of one object: a property collector of its own, one filter, and bounded waits.
//!
//! A waiter is kept between two waits, so that the second one costs a single call and misses nothing
//! that happened in between. Its collector is destroyed with it, also when the one who waits is
//! cancelled; at the latest it ends with the session.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use roxmltree::Node;
use tokio::time::{Instant, timeout_at};

use super::answer;
use super::properties::{PropertySet, write_filter_spec};
use super::session::{Session, Sessions, Transient};
use super::xml::{ObjectRef, Request};
use crate::domain::ids::MoRef;
use crate::infrastructure::vsphere::api::{ApiError, Fault};

/// The longest that vCenter is asked to hold a call back: proxies and firewalls cut idle connections
/// after a minute or more.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The shortest: vCenter counts whole seconds, and takes zero for "do not wait".
const WAIT_MIN: Duration = Duration::from_secs(1);
/// How many waiters are kept. One is in use for each VM in the making.
const WAITERS_KEPT_MAX: usize = 256;
/// How long a waiter is kept that nobody uses.
const WAITER_IDLE_MAX: Duration = Duration::from_secs(120);

/// What is waited for: some properties of an object, and how their values are read.
pub(super) trait Watched: Clone + PartialEq {
    /// The object's type.
    const KIND: &'static str;
    /// The properties that are watched.
    const PATHS: &'static [&'static str];

    /// What stands before anything was read.
    fn unknown() -> Self;

    /// Takes in a property's new value; `None` is a value that is no longer set.
    fn take(&mut self, path: &str, value: Option<Node<'_, '_>>);

    /// Whether there is never any news after this.
    fn is_final(&self) -> bool;
}

/// Keeps the waiters for one kind of object.
pub(super) struct Waiters<T>(Mutex<HashMap<MoRef, Waiter<T>>>);

impl<T: Watched> Waiters<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Waits until the object differs from `seen`, at most `wait`, and tells how it is.
    pub(super) async fn news(
        &self,
        sessions: &Sessions,
        object: &MoRef,
        seen: Option<&T>,
        wait: Duration,
    ) -> Result<T, ApiError> {
        let deadline = Instant::now() + wait;
        let kept = self.lock().remove(object);
        // Who has seen nothing wants to know how it is now, and not how it was at the last wait.
        if let (Some(mut waiter), Some(_)) = (kept, seen) {
            match waiter.news(seen, deadline).await {
                Ok(outcome) => return Ok(self.keep(object, waiter, outcome)),
                // The collector may have ended with its session: a new one tells the truth.
                Err(ApiError::Fault { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let (waiter, outcome) = sessions
            .with(|session| async move {
                let mut waiter = Waiter::start(&session, object).await?;
                let outcome = waiter.news(seen, deadline).await?;
                Ok((waiter, outcome))
            })
            .await?;
        Ok(self.keep(object, waiter, outcome))
    }

    fn keep(&self, object: &MoRef, waiter: Waiter<T>, (news, usable): (T, bool)) -> T {
        if usable && !news.is_final() {
            let mut kept = self.lock();
            kept.retain(|_, waiter| waiter.used.elapsed() < WAITER_IDLE_MAX);
            if kept.len() < WAITERS_KEPT_MAX {
                kept.insert(object.clone(), waiter);
            }
        }
        news
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<MoRef, Waiter<T>>> {
        // A panic elsewhere leaves a map that is as good as before.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for news of one object.
struct Waiter<T> {
    session: Session,
    object: ObjectRef,
    collector: Transient,
    version: String,
    latest: T,
    used: Instant,
}

impl<T: Watched> Waiter<T> {
    /// Begins to watch, and reads how the object is now.
    async fn start(session: &Session, object: &MoRef) -> Result<Self, ApiError> {
        let root = &session.content.property_collector;
        let request = Request::new("CreatePropertyCollector", root, |_| {});
        let mut waiter = Self {
            session: session.clone(),
            object: ObjectRef::new(T::KIND, &object.0),
            collector: Transient::create(session, request, "DestroyPropertyCollector").await?,
            version: String::new(),
            latest: T::unknown(),
            used: Instant::now(),
        };
        let sets = [PropertySet { kind: T::KIND, paths: T::PATHS }];
        let objects = [waiter.object.clone()];
        let request = Request::new("CreateFilter", waiter.collector.object(), |writer| {
            write_filter_spec(writer, "spec", &sets, &objects);
            // Whole values, so that nothing must be pieced together.
            writer.flag("partialUpdates", false);
        });
        session.call(request, |_| Some(())).await?;
        // The first one answers at once, with everything.
        waiter.next(WAIT_MIN).await?;
        Ok(waiter)
    }

    /// Waits until the object differs from `seen`, at most until `deadline`. The flag is false when a
    /// call was given up half-way: then the waiter must not be used again.
    async fn news(&mut self, seen: Option<&T>, deadline: Instant) -> Result<(T, bool), ApiError> {
        let mut waited = false;
        while seen == Some(&self.latest) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left >= WAIT_MIN {
                self.next(left.min(WAIT_MAX)).await?;
                waited = true;
            } else if waited {
                break;
            } else if left.is_zero() {
                // Only a look.
                self.next(Duration::ZERO).await?;
                waited = true;
            } else {
                // vCenter cannot be asked for so short a wait.
                match timeout_at(deadline, self.next(WAIT_MIN)).await {
                    Ok(outcome) => outcome?,
                    Err(_) => return Ok((self.latest.clone(), false)),
                }
            }
        }
        self.used = Instant::now();
        Ok((self.latest.clone(), true))
    }

    async fn next(&mut self, wait: Duration) -> Result<(), ApiError> {
        let request = Request::new("WaitForUpdatesEx", self.collector.object(), |writer| {
            writer.text("version", &self.version);
            writer.element("options", |writer| {
                writer.text("maxWaitSeconds", &wait.as_secs().to_string());
            });
        });
        let operation = request.method;
        let (object, latest, version) = (&self.object, &mut self.latest, &mut self.version);
        self.session
            .call_slow(request, wait, |response| {
                Some(read_update(response, object, latest, version))
            })
            .await?
            .map_err(|fault| ApiError::Fault { operation, fault })
    }
}

/// Reads an update set into what is known. A wait that ended without news has no update set, and
/// leaves the version as it is.
fn read_update<T: Watched>(
    response: Node<'_, '_>,
    object: &ObjectRef,
    latest: &mut T,
    version: &mut String,
) -> Result<(), Fault> {
    let Some(set) = answer::child(response, "returnval") else { return Ok(()) };
    if let Some(new) = answer::text(set, "version") {
        new.clone_into(version);
    }
    let updates = answer::children(set, "filterSet")
        .flat_map(|filter| answer::children(filter, "objectSet"))
        .filter(|update| {
            answer::child(*update, "obj").and_then(answer::reference).as_ref() == Some(object)
        });
    for update in updates {
        if answer::text(update, "kind") == Some("leave") {
            let message = format!("{} {} was deleted", object.kind, object.value);
            let kind = "ManagedObjectNotFound".to_owned();
            return Err(Fault { kind, message, existing_state: None });
        }
        let missing = answer::children(update, "missingSet")
            .filter_map(|missing| answer::child(missing, "fault"))
            .map(answer::localized_fault)
            .find(|fault| matches!(fault.kind.as_str(), "NoPermission" | "NotAuthenticated"));
        if let Some(fault) = missing {
            return Err(fault);
        }
        for change in answer::children(update, "changeSet") {
            if let Some(path) = answer::text(change, "name") {
                let removed = answer::text(change, "op").is_some_and(|op| op != "assign");
                latest.take(path, answer::child(change, "val").filter(|_| !removed));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::xml::XSI;
    use super::*;

    /// The values that were taken, by path.
    #[derive(Debug, Clone, Default, PartialEq)]
    struct Taken(Values);

    type Values = Vec<(String, Option<String>)>;

    impl Watched for Taken {
        const KIND: &'static str = "Task";
        const PATHS: &'static [&'static str] = &["info"];

        fn unknown() -> Self {
            Self::default()
        }

        fn take(&mut self, path: &str, value: Option<Node<'_, '_>>) {
            let value = value.and_then(answer::value).map(str::to_owned);
            self.0.push((path.to_owned(), value));
        }

        fn is_final(&self) -> bool {
            false
        }
    }

    fn read(returnval: &str) -> (Result<(), Fault>, Values, String) {
        let text = format!("<R xmlns:x='{XSI}'>{returnval}</R>");
        let document = Document::parse(&text).expect("well-formed");
        let (mut taken, mut version) = (Taken::default(), "1".to_owned());
        let object = ObjectRef::new("Task", "task-1");
        let outcome = read_update(document.root_element(), &object, &mut taken, &mut version);
        (outcome, taken.0, version)
    }

    fn update(inner: &str) -> String {
        format!(
            "<returnval><version>2</version><filterSet><objectSet><kind>modify</kind>\
             <obj type='Task'>task-1</obj>{inner}</objectSet></filterSet></returnval>"
        )
    }

    #[test]
    fn a_wait_without_news_changes_nothing() {
        assert_eq!(read(""), (Ok(()), vec![], "1".to_owned()));
    }

    #[test]
    fn changes_of_our_object_are_taken_and_removals_as_nothing() {
        let changes = "<changeSet><name>a</name><op>assign</op><val>1</val></changeSet>\
            <changeSet><name>b</name><op>remove</op><val>old</val></changeSet>\
            <changeSet><name>c</name><op>assign</op></changeSet>";
        let other = "<filterSet><objectSet><kind>leave</kind><obj type='Task'>task-2</obj>\
            </objectSet></filterSet></returnval>";
        let (outcome, taken, version) = read(&update(changes).replace("</returnval>", other));
        let expected = [("a", Some("1")), ("b", None), ("c", None)]
            .map(|(path, value)| (path.to_owned(), value.map(str::to_owned)));
        assert_eq!((outcome, taken, version), (Ok(()), expected.to_vec(), "2".to_owned()));
    }

    #[test]
    fn an_object_that_leaves_is_not_found() {
        let (outcome, ..) = read(&update("").replace("modify", "leave"));
        assert_eq!(outcome.expect_err("gone").kind, "ManagedObjectNotFound");
    }

    #[test]
    fn what_may_not_be_read_is_a_fault() {
        for kind in ["NoPermission", "NotAuthenticated"] {
            let missing = format!(
                "<missingSet><path>info</path><fault><fault x:type='{kind}'/></fault></missingSet>"
            );
            assert_eq!(read(&update(&missing)).0.expect_err("a fault").kind, kind);
        }
        let unset = "<missingSet><path>a</path><fault><fault x:type='InvalidProperty'/></fault>\
                     </missingSet>";
        assert_eq!(read(&update(unset)).0, Ok(()));
    }
}
