// A stored spec without what goes without saying: the API keeps every default filled in.
import type { Spec } from '../api/types'

/** For each layer type, its fields' defaults. */
export type LayerDefaults = ReadonlyMap<string, Readonly<Record<string, unknown>>>

/** A spec that means the same, as short as a person would write it. */
export function tidySpec(spec: Spec, defaults: LayerDefaults): Spec {
  const { model, training, notes, priority, definitions, ...rest } = spec
  return {
    ...rest,
    ...(notes ? { notes } : {}),
    ...(priority ? { priority } : {}),
    model: tidyModel(model, defaults),
    training: isRecord(training) ? withoutNulls(training) : training,
    ...(isRecord(definitions) && Object.keys(definitions).length > 0 ? { definitions } : {}),
  }
}

function tidyModel(model: unknown, defaults: LayerDefaults): unknown {
  if (!isRecord(model) || !Array.isArray(model.layers)) return model
  return { ...model, layers: model.layers.map((layer: unknown) => tidyLayer(layer, defaults)) }
}

/** A layer with its name and type first, and the fields that differ from their defaults. */
function tidyLayer(layer: unknown, defaults: LayerDefaults): unknown {
  if (!isRecord(layer) || typeof layer.type !== 'string') return layer
  const known = defaults.get(layer.type) ?? {}
  const { name, type, ...fields } = layer
  const told = Object.entries(fields)
    .filter(([field, value]) => !(field in known) || !same(value, known[field]))
    .map(([field, value]) => [field, field === 'activation' ? shortForm(value, defaults) : value])
  return {
    ...(name === null || name === undefined ? {} : { name }),
    type,
    ...(Object.fromEntries(told) as Spec),
  }
}

/** `{"type": "relu"}` as `"relu"`, where nothing else is said. */
function shortForm(activation: unknown, defaults: LayerDefaults): unknown {
  const tidied = tidyLayer(activation, defaults)
  return isRecord(tidied) && Object.keys(tidied).length === 1 ? tidied.type : tidied
}

function withoutNulls(value: Spec): Spec {
  // Of the training, null always says "not set".
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
}

const same = (a: unknown, b: unknown) => JSON.stringify(single(a)) === JSON.stringify(single(b))

/** `[1, 1]` as 1: a size given once is meant for every axis. */
function single(value: unknown): unknown {
  if (!Array.isArray(value) || value.length === 0) return value
  return value.every((item) => item === value[0]) ? (value[0] as unknown) : value
}

const isRecord = (value: unknown): value is Spec =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
