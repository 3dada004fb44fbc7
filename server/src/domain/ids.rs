//! Identities. Each is a type of its own, so that one can never be given where another is meant.

use std::fmt;

use uuid::Uuid;

/// The namespace of the `instanceUuid`s that are derived from request ids (a fixed, random UUID).
const INSTANCE_NAMESPACE: Uuid = Uuid::from_u128(0x6f0a_3d52_9b1e_4c77_8a54_2f6c_d1b8_e093);

/// The key of one request and of everything that belongs to it (UUID v7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub Uuid);

impl RequestId {
    /// The `instanceUuid` of the VM made for this request.
    ///
    /// Derived (UUID v5), so that a worker that knows nothing but the request finds the VM again.
    pub fn instance_uuid(self) -> Uuid {
        Uuid::new_v5(&INSTANCE_NAMESPACE, self.0.as_bytes())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One vCenter, by the `instanceUuid` of its `about` information.
///
/// A request, its checkpoint and the durations learned from it belong to one vCenter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VcenterId(pub String);

impl fmt::Display for VcenterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of a managed object reference, as in `vm-42`.
///
/// Opaque: it may hold any character, and a restored vCenter may give the same one to another object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MoRef(pub String);

impl fmt::Display for MoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who a request belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner(pub String);

impl Owner {
    /// The one person there is until there is sign-in.
    pub fn local() -> Self {
        Self("local".to_owned())
    }
}

/// Who is looking. Every query takes one, and shows only what this viewer may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Viewer(pub Owner);

impl Viewer {
    /// Whether this viewer may see what belongs to `owner`.
    pub fn may_see(&self, owner: &Owner) -> bool {
        self.0 == *owner
    }
}

/// The number that fences a saga's writes: it rises with every lease, and the journal refuses a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeaseEpoch(pub i64);
