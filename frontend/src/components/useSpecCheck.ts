// Check-as-you-type: the text is parsed at once, and held against the API when typing rests.
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'

import { ApiError } from '../api/problem'
import { specCheckQuery } from '../api/specs'
import type { CheckResult, Spec } from '../api/types'
import { parseJson, placeMistakes, type Diagnosis } from '../lib/diagnose'

const REST_MILLISECONDS = 350

export interface SpecCheck {
  diagnoses: Diagnosis[]
  /** The layers of the spec as it stands; null while it has mistakes. */
  result: CheckResult | null
  /** An error that is no mistake of the spec, such as a broken connection. */
  failure: unknown
  busy: boolean
  /** The spec as it stands, where it was checked and found without mistakes. */
  valid: Spec | null
}

export function useSpecCheck(text: string): SpecCheck {
  const [rested] = useDebouncedValue(text, REST_MILLISECONDS)
  const parsed = useMemo(() => parseJson(rested), [rested])
  const spec = isObject(parsed.value) ? parsed.value : null
  const query = useQuery({ ...specCheckQuery(spec ?? {}), enabled: spec !== null })
  const diagnoses = useMemo(
    () => diagnosesOf(rested, parsed.error, spec, query.error),
    [rested, parsed, spec, query.error],
  )
  const current = rested === text
  const result = spec === null || query.isError ? null : (query.data ?? null)
  return {
    diagnoses,
    result,
    failure: query.error && diagnoses.length === 0 ? query.error : null,
    busy: !current || query.isFetching,
    valid: current && result !== null ? spec : null,
  }
}

const isObject = (value: unknown): value is Spec =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function diagnosesOf(
  text: string,
  syntaxError: Diagnosis | undefined,
  spec: Spec | null,
  error: unknown,
): Diagnosis[] {
  if (syntaxError) return text.trim() === '' ? [] : [syntaxError]
  if (spec === null) {
    return placeMistakes(text, [{ path: '', message: 'A job spec is a JSON object.' }])
  }
  return error instanceof ApiError ? placeMistakes(text, error.errors) : []
}
