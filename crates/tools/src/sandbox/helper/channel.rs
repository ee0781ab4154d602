//! How the process that becomes the program tells the supervisor how far it has come.

use super::{Fault, Step};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use std::{
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
};

/// The longest message.
const MESSAGE_BYTES: usize = 4 * 1024;

/// What is told.
pub(super) enum Message {
    /// The process table of the namespace.
    Processes(OwnedFd),
    /// Everything is done; now it becomes the program.
    Going,
    Fault(String),
    NoProgram(String),
    /// It has become the program, or has ended.
    Closed,
}

/// Both ends: the first for the supervisor, the second for the process.
pub(super) fn pair() -> Result<(OwnedFd, OwnedFd), Fault> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .step("make a channel to the command")
}

pub(super) fn tell(channel: impl AsFd, message: &Message) -> Result<(), Fault> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut files = SendAncillaryBuffer::new(&mut space);
    let (kind, text) = match message {
        Message::Processes(_) => (b'P', ""),
        Message::Going => (b'G', ""),
        Message::Fault(why) => (b'F', why.as_str()),
        Message::NoProgram(why) => (b'N', why.as_str()),
        Message::Closed => return Ok(()),
    };
    let file;
    if let Message::Processes(table) = message {
        file = [table.as_fd()];
        files.push(SendAncillaryMessage::ScmRights(&file));
    }
    let text = text.as_bytes().get(..MESSAGE_BYTES - 1).unwrap_or(text.as_bytes());
    sendmsg(channel, &[IoSlice::new(&[kind]), IoSlice::new(text)], &mut files, SendFlags::NOSIGNAL)
        .step("tell the supervisor")?;
    Ok(())
}

/// The next message; waits for one.
pub(super) fn hear(channel: impl AsFd) -> Message {
    let mut text = [0; MESSAGE_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut files = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(channel, &mut [IoSliceMut::new(&mut text)], &mut files, RecvFlags::CMSG_CLOEXEC);
    let count = match received {
        Err(rustix::io::Errno::INTR) => return Message::Fault("interrupted".to_owned()),
        Err(_) => return Message::Closed,
        Ok(message) => message.bytes,
    };
    let file = files.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    let said = || String::from_utf8_lossy(text.get(1..count).unwrap_or_default()).into_owned();
    match (text.first().filter(|_| count > 0), file) {
        (Some(b'P'), Some(table)) => Message::Processes(table),
        (Some(b'G'), _) => Message::Going,
        (Some(b'F'), _) => Message::Fault(said()),
        (Some(b'N'), _) => Message::NoProgram(said()),
        _ => Message::Closed,
    }
}
