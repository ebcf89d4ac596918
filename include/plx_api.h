/* SPDX-License-Identifier: BSD-3-Clause */
/* What every public header needs: nothing of interest for programs. */
#ifndef PLX_API_H
#define PLX_API_H

/* The libraries hide every symbol but those marked so. */
#define PLX_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define PLX_BEGIN_DECLS extern "C" {
#define PLX_END_DECLS   }
#else
#define PLX_BEGIN_DECLS
#define PLX_END_DECLS
#endif

#endif
