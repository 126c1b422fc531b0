'use strict';

/**
 * A doubly linked list through its members, each of which is in one list at most. Nothing is allocated for it, and any
 * member can be taken out at once.
 *
 * @template {{ previous: any, next: any }} T
 */
class LinkedList {
  /** @type {T | undefined} */
  first = undefined;
  /** @type {T | undefined} */
  last = undefined;
  size = 0;

  /** @param {T} member that is in no list */
  push(member) {
    const { last } = this;
    member.previous = last;
    if (last === undefined) {
      this.first = member;
    } else {
      last.next = member;
    }
    this.last = member;
    this.size++;
  }

  /** @param {T} member of this list */
  remove(member) {
    const { previous, next } = member;
    if (previous === undefined) {
      this.first = next;
    } else {
      previous.next = next;
    }
    if (next === undefined) {
      this.last = previous;
    } else {
      next.previous = previous;
    }
    member.previous = undefined;
    member.next = undefined;
    this.size--;
  }
}

module.exports = { LinkedList };
