'use strict';

/**
 * Names of those that did not have to stay. All registries together, for one collector.
 *
 * @type {FinalizationRegistry<{ refs: Map<string, WeakRef<any>>, name: string, ref: WeakRef<any> }>}
 */
const leftovers = new FinalizationRegistry(({ refs, name, ref }) => {
  // There may be another one of that name.
  if (refs.get(name) === ref) {
    refs.delete(name);
  }
});

/**
 * Objects by name, one for each, as long as somebody else keeps them: a name for each user must not fill the memory.
 *
 * @template {object} T
 */
class Registry {
  /** @type {Map<string, WeakRef<T>>} */
  #refs = new Map();

  /**
   * @param {string} name
   * @param {() => T} make
   * @returns {T}
   */
  get(name, make) {
    const known = this.#refs.get(name)?.deref();
    if (known !== undefined) {
      return known;
    }
    const made = make();
    const ref = new WeakRef(made);
    this.#refs.set(name, ref);
    leftovers.register(made, { refs: this.#refs, name, ref });
    return made;
  }

  /** @returns {[name: string, object: T][]} */
  all() {
    return Array.from(this.#refs).flatMap(([name, ref]) => {
      const object = ref.deref();
      return object === undefined ? [] : [/** @type {[string, T]} */ ([name, object])];
    });
  }
}

module.exports = { Registry };
