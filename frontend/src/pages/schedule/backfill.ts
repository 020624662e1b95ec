import type { BackFill } from '../../api'
import { momentIn } from '../../schedules/zone'

/** A span as it is typed: `2026-03-29T02:30`, by the schedule's clocks. */
export interface Span {
  from: string
  to: string
}

/** What is asked for, or what is wrong with it. */
export function bodyOf({ from, to }: Span, zone: string, now: number): { body: BackFill } | { problem: string } {
  const [begin, end] = [momentIn(from, zone), momentIn(to, zone)]
  if (begin === null || end === null) return { problem: 'Choose when it begins and when it ends.' }
  if (end <= begin) return { problem: 'Choose an end that is after the beginning.' }
  if (begin >= now) return { problem: 'Choose a beginning that is in the past: what is to come fires by itself.' }
  return { body: { from: new Date(begin).toISOString(), to: new Date(end).toISOString() } }
}
