/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells AddressSanitizer which parts of memory of our own making may not be touched now. Nothing
 * without it. */
#ifndef PLX_BASE_POISON_H
#define PLX_BASE_POISON_H

#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define PLX_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define PLX_ASAN 1
#endif

#ifdef PLX_ASAN
#include <sanitizer/asan_interface.h>
static inline void memory_poison(void *p, size_t n)
{
    __asan_poison_memory_region(p, n);
}
static inline void memory_unpoison(void *p, size_t n)
{
    __asan_unpoison_memory_region(p, n);
}
#else
static inline void memory_poison(void *p, size_t n)
{
}
static inline void memory_unpoison(void *p, size_t n)
{
}
#endif

#endif
