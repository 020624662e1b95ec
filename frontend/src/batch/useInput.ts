import { useTable } from '../api/tables'
import { nameIn } from '../tables/name'
import { useSettled } from '../ui/useSettled'

/** The table that is typed, once its name is one and stands still. */
export function useInput(text: string) {
  const name = nameIn(text)
  const settled = useSettled(name)
  const query = useTable(settled)
  const current = name !== null && name === settled
  return { table: current ? query.data : undefined, error: current ? query.error : null, looking: name !== null && (!current || query.isPending) }
}
